"""Generates sentences with opinions whose label depends on the order and the scope of words, not on words alone.

The data are synthetic and test reading: the same words in another order have the other label, so that counts of words
or of pairs of neighbours reveal little. English, in words, and Chinese (traditional characters, no spaces), in
characters, follow one grammar:

- A sentence has one of the `KINDS`, drawn with these weights, and holds one to three clauses. One clause, here in
  capitals, decides:

      plain     I DID REALLY LOVE THE FILM.                                 the only one
      last      It was a very good film, but IT TRULY BORED ME.             the one after "but"
      first     I TRULY LOVED IT, although it was very dull to me.          the one without "although",
      conceded  Although it was very dull to me, I TRULY LOVED IT.          in either position
      reported  My friends really hated it, while I TRULY ENJOYED IT.       the writer's own, in either position
      time      IN THE END I TRULY HATED IT, at first I really loved it.    the later in time, in either position
      twice     At first I loved it, then I hated it, but later I LOVED IT. the last of three that alternate
      against   Although my friends hated it and it bored me, I LOVED IT.   the last, against two
      corrected I did not like the film, I DEEPLY LOVED IT.                 the second, whatever the first denies
      agreed    I TRULY ENJOYED IT, and my friends really loved it.         the writer's own; both agree

- The other clauses say the opposite of the deciding one, except in `agreed`, one clause of `twice` and half of
  `corrected`.
- A clause states its opinion either directly ("I would say that the film was very good this time") or by denying the
  opposite ("I would not say that the film was very bad this time"). The denial is near the opinion word or far from it.
- A first mention may be long ("the film that my sister told me about last winter in the old town by the river").
- Another word always separates an opinion word from the words that decide its role ("loved it, but"): no pair of
  neighbours holds both.

Opinion words come in pairs, one negative and one positive. Replacing each by its partner gives an equally likely
sentence with the other label; hence all other words, alone or as neighbours, occur equally often under both labels. An
opinion word occurs in a deciding clause about as often as in another or a denied clause, so it reveals little by
itself. What it does reveal (somewhat above one half) comes from the plain sentences and `agreed`.

The rules below define the grammar. In an alternative, `{name}` stands for a rule, `{-name}` for a rule with the
opposite opinion, and `|` separates the negative word from the positive one.
"""

from __future__ import annotations

import random
import re

from ..core.errors import UsageError, did_you_mean

LABELS = ("negative", "positive")
COUNT = 5_000
KINDS = {
    "plain": 20,
    "last": 14,
    "first": 22,
    "conceded": 8,
    "reported": 12,
    "time": 6,
    "twice": 3,
    "against": 3,
    "corrected": 4,
    "agreed": 8,
}
WORD = {"english": re.compile(r"[\w']+"), "chinese": re.compile(r"\w")}
LENGTHS = {"english": (4, 30), "chinese": (6, 45)}  # words, or characters without punctuation
SLOT = re.compile(r"\{(-?)(\w+)\}")

ENGLISH = {
    "plain": ("{own}.",),
    "last": ("{-own}, but {own}.", "{-own}, yet {own}.", "{-own}; still, {own}.", "{-own}, but in the end {own}."),
    "first": ("{own}, although {-own}.", "{own}, even though {-own}.", "{own}, despite the fact that {-own}."),
    "conceded": ("although {-own}, {own}.", "even though {-own}, {own}.", "despite the fact that {-own}, {own}."),
    "reported": (
        "{-theirs}, but {own}.",
        "{own}, but {-theirs}.",
        "{-theirs}, while {own}.",
        "{own}, while {-theirs}.",
        "although {-theirs}, {own}.",
        "{own}, although {-theirs}.",
    ),
    "time": (
        "at first {-own}, in the end {own}.",
        "in the end {own}, at first {-own}.",
        "in the beginning {-own}, later on {own}.",
        "later on {own}, in the beginning {-own}.",
    ),
    "twice": ("at first {own}, then {-own}, but in the end {own}.", "{own}, then {-own}, yet later on {own}."),
    "against": ("although {-theirs} and {-own}, still {own}.", "{-own} and {-theirs}, but {own}."),
    "corrected": ("{denied}, {own}.", "{-denied}, {own}."),
    "agreed": ("{own}, and {theirs}.", "{theirs}, and {own}.", "{own}, and {own}."),
    "own": ("{view}", "{view}", "{view}", "{claim} {view}", "{claim} {view}", "{denial} {-view}", "{denied}"),
    "view": (
        "I did {surely} {like} {topic}",
        "I {surely} {liked} {topic}",
        "it was a {very} {good} {thing}",
        "{topic} was {very} {good} {somehow}",
        "everything about {topic} was {very} {good} {somehow}",
        "{topic} {surely} {pleased} me",
    ),
    "denied": (
        "I did not {surely} {-like} {topic}",
        "it was not a {very} {-good} {thing}",
        "nothing about {topic} was {very} {-good} {somehow}",
        "{topic} never {surely} {-pleased} me",
    ),
    "theirs": (
        "{others} {surely} {liked} {topic}",
        "{others} said that {topic} was {very} {good} {somehow}",
        "{others} called it a {very} {good} {thing}",
        "{others} would not call it a {very} {-good} {thing}",
    ),
    "claim": (
        "I would say that",
        "I can tell you that",
        "I always thought that",
        "it is true that",
        "after {thinking} I do believe that",
    ),
    "denial": (
        "I would not say that",
        "nobody can tell me that",
        "I never thought that",
        "it is not true that",
        "after {thinking} I don't believe that",
    ),
    "thinking": ("two weeks of thinking about it", "a long talk with {giver}", "a cup of tea and some sleep"),
    "topic": ("the {thing}", "this {thing}", "the {thing} {which}", "this {thing} {which}"),
    "again": ("it", "it", "the {thing}", "every part of it", "the way it went on"),
    "which": (
        "that {giver} told me about",
        "that {giver} told me about {when}",
        "that we talked about {when} {where}",
        "that I came to know {where}",
        "that {giver} and I found {when} {where}",
    ),
    "when": ("last winter", "on a rainy evening", "two days before the holidays", "when I was on my way home"),
    "where": ("in the old town by the river", "near the station", "at school", "in a small house by the sea"),
    "giver": ("my sister", "a teacher", "my uncle", "the woman next door"),
    "others": ("my friends", "the critics", "most people", "my parents", "the papers", "my neighbours"),
    "thing": ("film", "book", "play", "novel", "show", "concert", "opera", "game", "story", "series", "musical"),
    "somehow": ("to me", "this time", "for once", "as a whole", "from start to finish", "in every way"),
    "very": ("very", "really", "truly", "particularly", "remarkably"),
    "surely": ("really", "truly", "deeply", "greatly"),
    "good": (
        "bad|good",
        "terrible|superb",
        "awful|wonderful",
        "horrible|lovely",
        "dull|brilliant",
        "annoying|charming",
        "poor|excellent",
        "boring|fascinating",
        "stupid|clever",
        "ugly|beautiful",
    ),
    "like": ("hate|love", "dislike|enjoy", "loathe|like", "detest|adore"),
    "liked": ("hated|loved", "disliked|enjoyed", "loathed|liked", "detested|adored"),
    "pleased": ("bored|moved", "annoyed|delighted", "disappointed|pleased", "irritated|charmed"),
}

CHINESE = {
    "plain": ("{own}。",),
    "last": ("{-own}，但是{own}。", "{-own}，可是{own}。", "{-own}，不過{own}。", "{-own}，但到頭來{own}。"),
    "first": ("{own}，雖然{-own}。", "{own}，儘管{-own}。", "{own}，雖說{-own}。"),
    "conceded": ("雖然{-own}，{own}。", "儘管{-own}，{own}。", "雖說{-own}，{own}。"),
    "reported": (
        "{-theirs}，但是{own}。",
        "{own}，但是{-theirs}。",
        "{-theirs}，而{own}。",
        "{own}，而{-theirs}。",
        "雖然{-theirs}，{own}。",
        "{own}，雖然{-theirs}。",
    ),
    "time": (
        "一開始{-own}，後來{own}。",
        "後來{own}，一開始{-own}。",
        "起初{-own}，到最後{own}。",
        "到最後{own}，起初{-own}。",
    ),
    "twice": ("一開始{own}，接著{-own}，但到最後{own}。", "{own}，接著{-own}，可是後來{own}。"),
    "against": ("雖然{-theirs}，{-own}，{own}。", "{-own}，{-theirs}，但是{own}。"),
    "corrected": ("{denied}，{own}。", "{-denied}，{own}。"),
    "agreed": ("{own}，而且{theirs}。", "{theirs}，而且{own}。", "{own}，而且{own}。"),
    "own": ("{view}", "{view}", "{view}", "{claim}{view}", "{claim}{view}", "{denial}{-view}", "{denied}"),
    "view": (
        "我是{very}{like}{topic}",
        "我{very}{like}{topic}",
        "這是{very}{good}的作品",
        "{topic}是{very}{good}的",
        "{topic}從頭到尾都{very}{good}得很",
        "{topic}讓我{pleased}了{while}",
    ),
    "denied": (
        "我不是{very}{-like}{topic}",
        "這不是{very}{-good}的作品",
        "{topic}沒有一處是{very}{-good}的",
        "我並沒有{very}{-like}{topic}",
    ),
    "theirs": (
        "{others}{very}{like}{topic}",
        "{others}說{topic}是{very}{good}的",
        "{others}說這是{very}{good}的作品",
        "{others}不是{very}{-like}{topic}",
    ),
    "claim": ("我覺得", "我可以說", "大致來講我認為", "{thinking}我會說"),
    "denial": ("我不覺得", "誰也不能說", "我從來不認為", "{thinking}我不會說"),
    "thinking": ("想了兩個星期之後", "跟{giver}談過以後", "喝完一杯茶"),
    "topic": ("這{thing}", "那{thing}", "{which}這{thing}", "{which}那{thing}"),
    "again": ("它", "它", "這{thing}", "它的每個部分"),
    "which": (
        "{giver}提起的",
        "{giver}{when}提起的",
        "我們{when}在{where}談到的",
        "我在{where}認識的",
        "{giver}和我{when}在{where}找到的",
    ),
    "when": ("去年冬天", "某個下雨的晚上", "放假前兩天", "回家路上"),
    "where": ("河邊的老城裡", "車站附近", "學校", "海邊的小屋裡"),
    "giver": ("姊姊", "老師", "叔叔", "隔壁的太太"),
    "others": ("朋友們", "影評人", "大多數人", "我爸媽", "報紙上", "鄰居們"),
    "thing": ("部電影", "本書", "齣戲", "本小說", "場音樂會", "齣歌劇", "個遊戲", "個故事", "部影集"),
    "while": ("很久", "一整天", "好一陣子"),
    "very": ("很", "真的", "非常", "十分", "相當"),
    "good": (
        "糟糕|精彩",
        "差勁|出色",
        "無聊|迷人",
        "可怕|美好",
        "乏味|有趣",
        "冷漠|溫暖",
        "低劣|優秀",
        "煩人|動人",
        "醜陋|美麗",
        "愚蠢|聰明",
    ),
    "like": ("討厭|喜歡", "嫌棄|欣賞", "厭惡|讚賞", "痛恨|熱愛"),
    "pleased": ("失望|感動", "難過|開心", "生氣|高興", "厭煩|陶醉"),
}

LANGUAGES = {"english": ENGLISH, "chinese": CHINESE}


def load(count: int = COUNT, language: str = "english", seed: int = 0) -> tuple[list[str], list[str]]:
    """Draws distinct sentences, each with its opinion as the label.

    Args:
        count: Number of sentences, half of them negative.
        language: `english` or `chinese`.
        seed: Seed of the random numbers; the same seed gives the same sentences.

    Returns:
        The sentences in random order, and their labels, `negative` or `positive`.

    Raises:
        UsageError: If the language is unknown.

    Example:

    >>> texts, labels = load(4, "chinese")
    >>> sorted(labels)
    ['negative', 'negative', 'positive', 'positive']
    """
    if language not in LANGUAGES:
        raise UsageError(f"there are no sentences in {language!r}. {did_you_mean(language, LANGUAGES)}")
    rng = random.Random(seed)
    labels: dict[str, int] = {}
    while len(labels) < count:
        sign = len(labels) % 2
        labels.setdefault(sentence(language, sign, rng), sign)
    texts = list(labels)
    rng.shuffle(texts)
    return texts, [LABELS[labels[text]] for text in texts]


def sentence(language: str, sign: int, rng: random.Random) -> str:
    """Draws a sentence with a negative (`sign` 0) or positive (1) opinion and a length within `LENGTHS`."""
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    shortest, longest = LENGTHS[language]
    while True:
        text = expand(LANGUAGES[language], kind, sign, rng)
        if shortest <= len(WORD[language].findall(text)) <= longest:
            return text[0].upper() + text[1:]


def expand(rules: dict[str, tuple[str, ...]], kind: str, sign: int, rng: random.Random) -> str:
    """Expands the rule `kind` down to words; all clauses are about the same thing."""
    thing = rng.choice(rules["thing"])
    mentioned = False

    def words(name: str, sign: int) -> str:
        nonlocal mentioned
        if name == "thing":
            return thing
        if name == "topic":
            name, mentioned = "again" if mentioned else "topic", True
        alternative = rng.choice(rules[name])
        if "|" in alternative:
            alternative = alternative.split("|")[sign]
        return SLOT.sub(lambda slot: words(slot[2], 1 - sign if slot[1] else sign), alternative)

    return words(kind, sign)
