/* heteronym: words whose sound depends on their neighbours.
 *
 * A small tagger, no model: what stands in front ("to", "the", "they", "is") decides in most cases whether a word is
 * a verb, a noun or an adjective, what follows ("the", "of") in most of the rest. Words that do not fit the pattern
 * (read, live, close, lead ...) have a rule each. Function words take their weak form inside a phrase.
 */
#include <stdlib.h>
#include <string.h>

#include "text/en/homograph.h"

typedef enum rule {
    BY_TAG, /* first: noun and adjective, second: verb; the first where nothing tells */
    MOSTLY_NOUN,
    MOSTLY_VERB,
    RULE_BASS,
    RULE_BOW,
    RULE_CLOSE,
    RULE_CONTENT,
    RULE_DOVE,
    RULE_INVALID,
    RULE_LEAD,
    RULE_LIVE,
    RULE_LIVES,
    RULE_MINUTE,
    RULE_NICE,
    RULE_POLISH,
    RULE_READ,
    RULE_REFUSE,
    RULE_TEAR,
    RULE_UPSET,
    RULE_USED,
    RULE_WIND,
    RULE_WOUND
} rule;

typedef struct heteronym {
    const char *word, *first, *second;
    rule rule;
} heteronym;

// clang-format off
static const heteronym heteronyms[] = {
    {"absent", "AE1 B S AH0 N T", "AE0 B S EH1 N T", BY_TAG},
    {"abstract", "AE1 B S T R AE2 K T", "AE0 B S T R AE1 K T", BY_TAG},
    {"abuse", "AH0 B Y UW1 S", "AH0 B Y UW1 Z", BY_TAG},
    {"accent", "AE1 K S EH2 N T", "AE0 K S EH1 N T", BY_TAG},
    {"addict", "AE1 D IH0 K T", "AH0 D IH1 K T", BY_TAG},
    {"address", "AE1 D R EH2 S", "AH0 D R EH1 S", BY_TAG},
    {"advocate", "AE1 D V AH0 K AH0 T", "AE1 D V AH0 K EY2 T", BY_TAG},
    {"aggregate", "AE1 G R AH0 G AH0 T", "AE1 G R AH0 G EY2 T", BY_TAG},
    {"alternate", "AO1 L T ER0 N AH0 T", "AO1 L T ER0 N EY2 T", BY_TAG},
    {"animate", "AE1 N AH0 M AH0 T", "AE1 N AH0 M EY2 T", BY_TAG},
    {"appropriate", "AH0 P R OW1 P R IY0 AH0 T", "AH0 P R OW1 P R IY0 EY2 T", BY_TAG},
    {"approximate", "AH0 P R AA1 K S AH0 M AH0 T", "AH0 P R AA1 K S AH0 M EY2 T", BY_TAG},
    {"articulate", "AA0 R T IH1 K Y AH0 L AH0 T", "AA0 R T IH1 K Y AH0 L EY2 T", BY_TAG},
    {"associate", "AH0 S OW1 S IY0 AH0 T", "AH0 S OW1 S IY0 EY2 T", BY_TAG},
    {"attribute", "AE1 T R AH0 B Y UW2 T", "AH0 T R IH1 B Y UW0 T", BY_TAG},
    {"augment", "AO1 G M EH0 N T", "AO0 G M EH1 N T", MOSTLY_VERB},
    {"bass", "B EY1 S", "B EY1 S", RULE_BASS},
    {"bow", "B OW1", "B AW1", RULE_BOW},
    {"close", "K L OW1 Z", "K L OW1 Z", RULE_CLOSE},
    {"combat", "K AA1 M B AE2 T", "K AH0 M B AE1 T", BY_TAG},
    {"commune", "K AA1 M Y UW2 N", "K AH0 M Y UW1 N", BY_TAG},
    {"compound", "K AA1 M P AW2 N D", "K AH0 M P AW1 N D", BY_TAG},
    {"compress", "K AA1 M P R EH2 S", "K AH0 M P R EH1 S", BY_TAG},
    {"conduct", "K AA1 N D AH0 K T", "K AH0 N D AH1 K T", BY_TAG},
    {"conflict", "K AA1 N F L IH0 K T", "K AH0 N F L IH1 K T", BY_TAG},
    {"console", "K AA1 N S OW2 L", "K AH0 N S OW1 L", BY_TAG},
    {"construct", "K AA1 N S T R AH0 K T", "K AH0 N S T R AH1 K T", BY_TAG},
    {"content", "K AA1 N T EH0 N T", "K AH0 N T EH1 N T", RULE_CONTENT},
    {"contest", "K AA1 N T EH0 S T", "K AH0 N T EH1 S T", BY_TAG},
    {"contract", "K AA1 N T R AE2 K T", "K AH0 N T R AE1 K T", BY_TAG},
    {"contrast", "K AA1 N T R AE0 S T", "K AH0 N T R AE1 S T", BY_TAG},
    {"converse", "K AA1 N V ER0 S", "K AH0 N V ER1 S", BY_TAG},
    {"convert", "K AA1 N V ER0 T", "K AH0 N V ER1 T", MOSTLY_VERB},
    {"convict", "K AA1 N V IH0 K T", "K AH0 N V IH1 K T", BY_TAG},
    {"coordinate", "K OW0 AO1 R D AH0 N AH0 T", "K OW0 AO1 R D AH0 N EY2 T", BY_TAG},
    {"curate", "K Y UH1 R AH0 T", "K Y UH1 R EY2 T", MOSTLY_VERB},
    {"decrease", "D IY1 K R IY2 S", "D IH0 K R IY1 S", BY_TAG},
    {"defect", "D IY1 F EH0 K T", "D IH0 F EH1 K T", BY_TAG},
    {"delegate", "D EH1 L AH0 G AH0 T", "D EH1 L AH0 G EY2 T", BY_TAG},
    {"deliberate", "D IH0 L IH1 B ER0 AH0 T", "D IH0 L IH1 B ER0 EY2 T", BY_TAG},
    {"desert", "D EH1 Z ER0 T", "D IH0 Z ER1 T", BY_TAG},
    {"desolate", "D EH1 S AH0 L AH0 T", "D EH1 S AH0 L EY2 T", BY_TAG},
    {"digest", "D AY1 JH EH0 S T", "D AY0 JH EH1 S T", MOSTLY_VERB},
    {"discharge", "D IH1 S CH AA2 R JH", "D IH0 S CH AA1 R JH", BY_TAG},
    {"discount", "D IH1 S K AW0 N T", "D IH0 S K AW1 N T", BY_TAG},
    {"discourse", "D IH1 S K AO2 R S", "D IH0 S K AO1 R S", BY_TAG},
    {"dove", "D AH1 V", "D OW1 V", RULE_DOVE},
    {"duplicate", "D UW1 P L AH0 K AH0 T", "D UW1 P L AH0 K EY2 T", BY_TAG},
    {"elaborate", "IH0 L AE1 B R AH0 T", "IH0 L AE1 B ER0 EY2 T", BY_TAG},
    {"entrance", "EH1 N T R AH0 N S", "EH0 N T R AE1 N S", MOSTLY_NOUN},
    {"escort", "EH1 S K AO0 R T", "EH0 S K AO1 R T", BY_TAG},
    {"estimate", "EH1 S T AH0 M AH0 T", "EH1 S T AH0 M EY2 T", BY_TAG},
    {"excise", "EH1 K S AY2 Z", "IH0 K S AY1 Z", BY_TAG},
    {"excuse", "IH0 K S K Y UW1 S", "IH0 K S K Y UW1 Z", BY_TAG},
    {"exploit", "EH1 K S P L OY2 T", "EH0 K S P L OY1 T", BY_TAG},
    {"export", "EH1 K S P AO0 R T", "IH0 K S P AO1 R T", BY_TAG},
    {"extract", "EH1 K S T R AE2 K T", "IH0 K S T R AE1 K T", BY_TAG},
    {"ferment", "F ER1 M EH0 N T", "F ER0 M EH1 N T", MOSTLY_VERB},
    {"fragment", "F R AE1 G M AH0 N T", "F R AE0 G M EH1 N T", BY_TAG},
    {"frequent", "F R IY1 K W AH0 N T", "F R IY0 K W EH1 N T", BY_TAG},
    {"graduate", "G R AE1 JH AH0 W AH0 T", "G R AE1 JH AH0 W EY2 T", BY_TAG},
    {"house", "HH AW1 S", "HH AW1 Z", BY_TAG},
    {"impact", "IH1 M P AE0 K T", "IH0 M P AE1 K T", BY_TAG},
    {"implant", "IH1 M P L AE2 N T", "IH0 M P L AE1 N T", BY_TAG},
    {"import", "IH1 M P AO2 R T", "IH0 M P AO1 R T", BY_TAG},
    {"incense", "IH1 N S EH2 N S", "IH0 N S EH1 N S", BY_TAG},
    {"incline", "IH1 N K L AY0 N", "IH0 N K L AY1 N", BY_TAG},
    {"increase", "IH1 N K R IY2 S", "IH0 N K R IY1 S", BY_TAG},
    {"insert", "IH1 N S ER2 T", "IH0 N S ER1 T", MOSTLY_VERB},
    {"insult", "IH1 N S AH2 L T", "IH0 N S AH1 L T", BY_TAG},
    {"intercept", "IH1 N T ER0 S EH2 P T", "IH2 N T ER0 S EH1 P T", MOSTLY_VERB},
    {"intimate", "IH1 N T AH0 M AH0 T", "IH1 N T AH0 M EY2 T", BY_TAG},
    {"invalid", "IH1 N V AH0 L AH0 D", "IH0 N V AE1 L AH0 D", RULE_INVALID},
    {"invite", "IH1 N V AY0 T", "IH0 N V AY1 T", MOSTLY_VERB},
    {"lead", "L EH1 D", "L IY1 D", RULE_LEAD},
    {"legitimate", "L AH0 JH IH1 T AH0 M AH0 T", "L AH0 JH IH1 T AH0 M EY2 T", BY_TAG},
    {"live", "L AY1 V", "L IH1 V", RULE_LIVE},
    {"lives", "L AY1 V Z", "L IH1 V Z", RULE_LIVES},
    {"merchandise", "M ER1 CH AH0 N D AY2 S", "M ER1 CH AH0 N D AY2 Z", BY_TAG},
    {"minute", "M IH1 N AH0 T", "M AY0 N UW1 T", RULE_MINUTE},
    {"moderate", "M AA1 D ER0 AH0 T", "M AA1 D ER0 EY2 T", BY_TAG},
    {"nice", "N AY1 S", "N IY1 S", RULE_NICE},
    {"object", "AA1 B JH EH0 K T", "AH0 B JH EH1 K T", BY_TAG},
    {"overestimate", "OW2 V ER0 EH1 S T AH0 M AH0 T", "OW2 V ER0 EH1 S T AH0 M EY2 T", MOSTLY_VERB},
    {"overlap", "OW1 V ER0 L AE2 P", "OW2 V ER0 L AE1 P", BY_TAG},
    {"overuse", "OW2 V ER0 Y UW1 S", "OW2 V ER0 Y UW1 Z", BY_TAG},
    {"perfect", "P ER1 F IH0 K T", "P ER0 F EH1 K T", BY_TAG},
    {"perfume", "P ER1 F Y UW2 M", "P ER0 F Y UW1 M", BY_TAG},
    {"permit", "P ER1 M IH2 T", "P ER0 M IH1 T", BY_TAG},
    {"polish", "P AA1 L IH0 SH", "P OW1 L IH0 SH", RULE_POLISH},
    {"predicate", "P R EH1 D AH0 K AH0 T", "P R EH1 D AH0 K EY2 T", BY_TAG},
    {"present", "P R EH1 Z AH0 N T", "P R IY0 Z EH1 N T", BY_TAG},
    {"produce", "P R OW1 D UW0 S", "P R AH0 D UW1 S", MOSTLY_VERB},
    {"progress", "P R AA1 G R EH2 S", "P R AH0 G R EH1 S", BY_TAG},
    {"project", "P R AA1 JH EH0 K T", "P R AH0 JH EH1 K T", BY_TAG},
    {"protest", "P R OW1 T EH2 S T", "P R AH0 T EH1 S T", BY_TAG},
    {"read", "R EH1 D", "R IY1 D", RULE_READ},
    {"rebel", "R EH1 B AH0 L", "R IH0 B EH1 L", BY_TAG},
    {"recall", "R IY1 K AO2 L", "R IH0 K AO1 L", MOSTLY_VERB},
    {"recap", "R IY1 K AE2 P", "R IY0 K AE1 P", BY_TAG},
    {"record", "R EH1 K ER0 D", "R IH0 K AO1 R D", BY_TAG},
    {"refill", "R IY1 F IH2 L", "R IY0 F IH1 L", BY_TAG},
    {"refund", "R IY1 F AH2 N D", "R IH0 F AH1 N D", BY_TAG},
    {"refuse", "R EH1 F Y UW2 Z", "R AH0 F Y UW1 Z", RULE_REFUSE},
    {"reject", "R IY1 JH EH0 K T", "R IH0 JH EH1 K T", MOSTLY_VERB},
    {"relapse", "R IY1 L AE2 P S", "R IY0 L AE1 P S", BY_TAG},
    {"relay", "R IY1 L EY2", "R IY0 L EY1", BY_TAG},
    {"remake", "R IY1 M EY2 K", "R IY0 M EY1 K", BY_TAG},
    {"replicate", "R EH1 P L AH0 K AH0 T", "R EH1 P L AH0 K EY2 T", MOSTLY_VERB},
    {"research", "R IY1 S ER2 CH", "R IH0 S ER1 CH", BY_TAG},
    {"resume", "R EH1 Z AH0 M EY2", "R IH0 Z UW1 M", MOSTLY_VERB},
    {"reuse", "R IY0 Y UW1 S", "R IY0 Y UW1 Z", MOSTLY_VERB},
    {"saturate", "S AE1 CH ER0 AH0 T", "S AE1 CH ER0 EY2 T", MOSTLY_VERB},
    {"segment", "S EH1 G M AH0 N T", "S EH2 G M EH1 N T", BY_TAG},
    {"separate", "S EH1 P R AH0 T", "S EH1 P ER0 EY2 T", BY_TAG},
    {"sow", "S AW1", "S OW1", MOSTLY_VERB},
    {"subject", "S AH1 B JH IH0 K T", "S AH0 B JH EH1 K T", BY_TAG},
    {"subordinate", "S AH0 B AO1 R D AH0 N AH0 T", "S AH0 B AO1 R D AH0 N EY2 T", BY_TAG},
    {"survey", "S ER1 V EY2", "S ER0 V EY1", BY_TAG},
    {"suspect", "S AH1 S P EH2 K T", "S AH0 S P EH1 K T", BY_TAG},
    {"tear", "T IH1 R", "T EH1 R", RULE_TEAR},
    {"torment", "T AO1 R M EH2 N T", "T AO0 R M EH1 N T", BY_TAG},
    {"transfer", "T R AE1 N S F ER0", "T R AE0 N S F ER1", BY_TAG},
    {"transplant", "T R AE1 N S P L AE2 N T", "T R AE0 N S P L AE1 N T", BY_TAG},
    {"transport", "T R AE1 N S P AO0 R T", "T R AE0 N S P AO1 R T", BY_TAG},
    {"triplicate", "T R IH1 P L AH0 K AH0 T", "T R IH1 P L AH0 K EY2 T", BY_TAG},
    {"underestimate", "AH2 N D ER0 EH1 S T AH0 M AH0 T", "AH2 N D ER0 EH1 S T AH0 M EY2 T", MOSTLY_VERB},
    {"update", "AH1 P D EY2 T", "AH0 P D EY1 T", BY_TAG},
    {"upgrade", "AH1 P G R EY2 D", "AH0 P G R EY1 D", BY_TAG},
    {"upset", "AH1 P S EH2 T", "AH0 P S EH1 T", RULE_UPSET},
    {"use", "Y UW1 S", "Y UW1 Z", MOSTLY_VERB},
    {"used", "Y UW1 S T", "Y UW1 Z D", RULE_USED},
    {"warehouse", "W EH1 R HH AW2 S", "W EH1 R HH AW2 Z", BY_TAG},
    {"wind", "W IH1 N D", "W AY1 N D", RULE_WIND},
    {"wound", "W UW1 N D", "W AW1 N D", RULE_WOUND},
};
// clang-format on

/* ---- neighbours ---- */

typedef enum tag { TAG_UNKNOWN, TAG_NOUN, TAG_VERB, TAG_ADJECTIVE } tag;

typedef struct place {
    const en_work *w;
    size_t index;
} place;

/* The word `offset` places away in the same phrase (no comma between), or "". */
static const char *near(const place *p, int offset) {
    size_t count = en_word_count(p->w), i = p->index;
    for (; offset < 0; offset++, i--)
        if (i == 0 || en_word_at(p->w, i)->before != EV_BREAK_WORD) return "";
    for (; offset > 0; offset--, i++)
        if (i + 1 >= count || en_word_at(p->w, i + 1)->before != EV_BREAK_WORD) return "";
    return en_word_text(p->w, en_word_at(p->w, i));
}

static bool is_in(const char *word, const char *list) { return en_in_list(list, word, strlen(word)); }

static const char determiners[] =
    " the a an this that these those my your his her its our their some any no each every another which whose both "
    "few several many much more most first second third last next new old good bad great big small best own same ";
static const char articles[] = " the a an this these those my your his her its our their some any every each all ";
static const char verbish[] =
    " to will would can could shall should may might must do does did don't doesn't didn't won't can't cannot "
    "couldn't wouldn't shouldn't mustn't i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd they'd he'd "
    "she'd let's please not never help helps helped let lets make makes made gonna wanna gotta ";
static const char pronouns[] = " i you we they who he she it ";
static const char prepositions[] = " of in on at by for with from about into without under over between per during ";
static const char copulas[] =
    " is are was were be been being am i'm you're we're they're he's she's it's that's isn't aren't wasn't weren't "
    "feel feels felt seem seems seemed look looks looked become became get gets got ";
static const char intensifiers[] =
    " very so too quite really extremely more most pretty how almost always fairly as ";
static const char objects[] = " me him us them it himself herself itself themselves myself yourself ";
static const char numbers[] = " one two three four five six seven eight nine ten hundred thousand million ";

/* What the neighbours say the word is. */
static tag tag_of(const place *p) {
    const char *previous = near(p, -1), *next = near(p, 1);
    bool takes_object = is_in(next, articles) || is_in(next, objects) || is_in(next, " that ");
    if (is_in(previous, verbish)) return TAG_VERB;
    if (is_in(previous, pronouns)) return TAG_VERB;
    if (is_in(previous, copulas) || is_in(previous, intensifiers)) return TAG_ADJECTIVE;
    if (is_in(previous, determiners) || is_in(previous, prepositions) || is_in(previous, numbers)) return TAG_NOUN;
    size_t n = strlen(previous);
    if (n > 2 && previous[n - 2] == '\'' && previous[n - 1] == 's') return TAG_NOUN;
    if (is_in(previous, " also often usually sometimes still then just only always ")) return TAG_VERB;
    if (n > 3 && strcmp(previous + n - 2, "ly") == 0) return takes_object ? TAG_VERB : TAG_ADJECTIVE;
    if (takes_object) return TAG_VERB;
    if (is_in(previous, " and or but ")) { /* coordinated with a verb: "to record and present" */
        place before = {p->w, p->index - 1};
        if (is_in(near(&before, -2), verbish)) return TAG_VERB;
    }
    return TAG_UNKNOWN;
}

/* Is one of the words of the list within `reach` words, before or after? */
static bool nearby(const place *p, int reach, const char *list) {
    size_t count = en_word_count(p->w);
    for (int k = -reach; k <= reach; k++) {
        size_t i = p->index + (size_t)(long)k;
        if (k == 0 || i >= count) continue; /* wraps around below zero */
        if (is_in(en_word_text(p->w, en_word_at(p->w, i)), list)) return true;
    }
    return false;
}

/* ---- one rule each; true: the second pronunciation ---- */

/* "Let your child read it", "Does the user read it?" */
static bool helped(const place *p) {
    static const char verbs[] =
        " does did do can will could would should may might let lets make makes help helps have and ";
    return is_in(near(p, -2), verbs) || is_in(near(p, -3), verbs);
}

/* "John read it", "the judge read the verdict": one person who reads would have an -s. */
static bool read_by_one(const place *p) {
    static const char ones[] =
        " nobody somebody someone everyone everybody anyone mother father mom dad son daughter brother sister wife "
        "husband "
        "teacher judge boss man woman boy girl child doctor nurse officer student lawyer professor speaker narrator "
        "driver king queen "
        "president clerk user reader author editor one priest kid friend neighbor agent pilot captain ";
    const char *previous = near(p, -1), *next = near(p, 1);
    if (!p->index || !*previous) return false;
    const en_word *subject = en_word_at(p->w, p->index - 1);
    const size_t n = strlen(previous);
    const bool object =
        is_in(next, articles) || is_in(next, objects) || is_in(next, " about from and aloud through out ") || !*next;
    if (is_in(previous, ones)) return object && !helped(p);
    /* a name: with a capital, and neither a plural nor the head of an order ("Carefully read the instructions") */
    static const char others[] =
        " please don't then now and also to or first always people children men women most many some few both all "
        "just never kindly quickly carefully ";
    const bool adverb = n > 3 && strcmp(previous + n - 2, "ly") == 0;
    return object && subject->capital && previous[n - 1] != 's' && !subject->spell && !adverb &&
           !is_in(previous, others) && !helped(p);
}

static bool read_present(const place *p, tag t) {
    const char *previous = near(p, -1);
    static const char past[] = " yesterday last ago already once earlier before when while never aloud ";
    if (is_in(previous, " to will would can could shall should may might must do does did don't doesn't didn't won't "
                        "can't couldn't i'll you'll we'll they'll let's please not "))
        return true;
    if (is_in(previous, " have has had i've you've we've they've he's she's been was were is are be being having "
                        "haven't hasn't hadn't never just already well get got widely "))
        return false;
    if (is_in(previous, " he she it who ")) return false;
    if (is_in(previous, " i you we they and ")) return !nearby(p, 8, past);
    if (read_by_one(p)) return false;
    return t != TAG_UNKNOWN || !*previous || !nearby(p, 8, past);
}

static bool live_verb(const place *p, tag t) {
    static const char kinds[] =
        " music show shows concert concerts stream streams streaming performance performances wire chat tv event "
        "events coverage audience broadcast broadcasts updates data demo recording recordings album stock bait "
        "animals animal band bands theater theatre television video videos session sessions ammunition news ";
    if (is_in(near(p, 1), kinds) || (!*near(p, -1) && is_in(near(p, 1), " from "))) return false;
    if (is_in(near(p, -1), " is are was were be been being went go goes going broadcast perform performed stream "
                           "streamed recorded watch now we're it's "))
        return is_in(near(p, 1), " in with at ") && is_in(near(p, -1), " now ");
    return t != TAG_NOUN && t != TAG_ADJECTIVE;
}

static bool lives_verb(const place *p) {
    if (is_in(near(p, -1), " he she it who that which ")) return true;
    if (is_in(near(p, -1), " our their your his her my of many save saved the nine lost ")) return false;
    return is_in(near(p, 1), " in with at on near alone here there by under next far ");
}

static bool close_is_near(const place *p, tag t) {
    const char *previous = near(p, -1), *next = near(p, 1);
    if (is_in(previous, verbish) && !is_in(next, " to ")) return false;
    if (is_in(next, " to by together friend friends call calls relationship contact attention proximity enough race "
                    "family relatives relative second behind range "))
        return true;
    if (is_in(next, " of ")) return false;
    return t == TAG_ADJECTIVE ||
           is_in(previous, " stay stays stayed come comes came stand stood sit sat hold get ") ||
           (t == TAG_NOUN && *next && !is_in(next, " and is was "));
}

static bool lead_is_metal(const place *p) {
    static const char kinds[] = " pipe pipes paint paints poisoning acid bullet bullets ore free ";
    return is_in(near(p, 1), kinds) ||
           nearby(p, 3, " metal metals zinc copper mercury pencil toxic melted iron tin ") ||
           (is_in(near(p, -1), " of contains contain containing ") && !is_in(near(p, 1), " the in role "));
}

static bool tear_rips(const place *p, tag t) {
    if (t == TAG_VERB) return true;
    return is_in(near(p, 1), " down up apart off out open into in it ") || nearby(p, 3, " wear muscle ligament ");
}

static bool bow_bends(const place *p, tag t) {
    static const char kinds[] = " ship boat deck ";
    if (is_in(near(p, -2), " take took takes taking ") || nearby(p, 4, kinds)) return true;
    return t == TAG_VERB || is_in(near(p, 1), " down before to ");
}

static bool used_habit(const place *p) {
    if (!is_in(near(p, 1), " to ")) return false;
    if (is_in(near(p, -1), " are is was were ") && is_in(near(p, 2), " it this that the being having working ") &&
        !is_in(near(p, 3), " day "))
        return true; /* "They are used to it" */
    return !is_in(near(p, -1), " is are was were be been being it's widely often commonly ");
}

static bool minute_tiny(const place *p, tag t) {
    static const char kinds[] =
        " details detail amounts amount quantities quantity particles particle traces trace differences difference "
        "changes fraction organisms scale ";
    return is_in(near(p, 1), kinds) || (t == TAG_ADJECTIVE && !is_in(near(p, -1), " as "));
}

static bool invalid_adjective(const place *p, tag t) {
    const char *next = near(p, 1);
    bool alone = !*next || is_in(next, " is was who and in for has had could ");
    return !(t == TAG_NOUN && alone && is_in(near(p, -1), " an the "));
}

/* Polish: the people, unless it starts a sentence as an order. */
static bool polish_nation(const place *p) {
    const en_word *word = en_word_at(p->w, p->index);
    if (!word->capital) return false;
    return *near(p, -1) || !is_in(near(p, 1), articles);
}

/* The city: a capital within a sentence, behind a preposition. */
static bool nice_city(const place *p) {
    const en_word *word = en_word_at(p->w, p->index);
    return word->capital && is_in(near(p, -1), " in of to from near at around visit visited leave left via and ") &&
           !is_in(near(p, 1), " to and ");
}

static bool apply(const place *p, rule r) {
    tag t = tag_of(p);
    const char *next = near(p, 1);
    switch (r) {
    case BY_TAG:
    case MOSTLY_NOUN: return t == TAG_VERB;
    case MOSTLY_VERB: return t != TAG_NOUN;
    case RULE_BASS: return false;
    case RULE_BOW: return bow_bends(p, t);
    case RULE_CLOSE: return !close_is_near(p, t);
    case RULE_CONTENT: return t == TAG_ADJECTIVE || is_in(near(p, -1), " be remain ");
    case RULE_DOVE: return is_in(near(p, -1), pronouns) || is_in(next, " into in off under down deep headfirst ");
    case RULE_INVALID: return invalid_adjective(p, t);
    case RULE_LEAD: return !lead_is_metal(p);
    case RULE_LIVE: return live_verb(p, t);
    case RULE_LIVES: return lives_verb(p);
    case RULE_MINUTE: return minute_tiny(p, t);
    case RULE_NICE: return nice_city(p);
    case RULE_POLISH: return polish_nation(p);
    case RULE_READ: return read_present(p, t);
    case RULE_REFUSE: return !(t == TAG_NOUN && !is_in(next, articles)) || is_in(near(p, -1), " and ");
    case RULE_TEAR: return tear_rips(p, t);
    case RULE_UPSET: return t != TAG_NOUN;
    case RULE_USED: return !used_habit(p);
    case RULE_WIND: return t == TAG_VERB || is_in(next, " up down ");
    case RULE_WOUND: return is_in(next, " up around down through back ");
    }
    return false;
}

/* The second sound of three words is no verb and no other reading of the pair above. */
static const char *special(const place *p, const heteronym *h) {
    static const char fish[] = " fish fishing sea striped largemouth smallmouth caught lake catch trout grilled ";
    if (h->rule == RULE_BASS && nearby(p, 4, fish)) return "B AE1 S";
    if (h->rule == RULE_CLOSE && close_is_near(p, tag_of(p))) return "K L OW1 S";
    return NULL;
}

static int compare(const void *key, const void *element) { return strcmp(key, ((const heteronym *)element)->word); }

static const heteronym *find_heteronym(const char *word) {
    return bsearch(word, heteronyms, EV_ARRAY_COUNT(heteronyms), sizeof(heteronyms[0]), compare);
}

bool en_heteronym_at(size_t index, const char **word, const char *phones[2]) {
    if (index >= EV_ARRAY_COUNT(heteronyms)) return false;
    *word = heteronyms[index].word;
    phones[0] = heteronyms[index].first;
    phones[1] = heteronyms[index].second;
    return true;
}

/* ---- weak forms ---- */

typedef struct weak_form {
    const char *word, *weak;
} weak_form;

static const weak_form weak_forms[] = {
    {"of", "AH0 V"},      {"and", "AH0 N D"},    {"an", "AH0 N"},      {"as", "AH0 Z"},        {"at", "AH0 T"},
    {"for", "F AO0 R"},   {"from", "F R AH0 M"}, {"in", "IH0 N"},      {"is", "IH0 Z"},        {"it", "IH0 T"},
    {"than", "DH AH0 N"}, {"was", "W AH0 Z"},    {"or", "AO0 R"},      {"are", "AA0 R"},       {"with", "W IH0 DH"},
    {"but", "B AH0 T"},   {"his", "HH IH0 Z"},   {"her", "HH ER0"},    {"him", "HH IH0 M"},    {"your", "Y AO0 R"},
    {"if", "IH0 F"},      {"has", "HH AH0 Z"},   {"had", "HH AH0 D"},  {"were", "W ER0"},      {"be", "B IY0"},
    {"you", "Y UW0"},     {"we", "W IY0"},       {"he", "HH IY0"},     {"she", "SH IY0"},      {"my", "M AY0"},
    {"can", "K AH0 N"},   {"could", "K UH0 D"},  {"would", "W UH0 D"}, {"should", "SH UH0 D"}, {"that", "DH AE1 T"}};

/* Does the word begin with a vowel as it sounds? Spelling, with the usual exceptions. */
static bool vowel_sound(const en_work *w, size_t i) {
    if (i >= en_word_count(w)) return false;
    const en_word *word = en_word_at(w, i);
    const char *text = en_word_text(w, word);
    if (word->spell) return strchr("AEFHILMNORSX", text[0]) != NULL;
    if (strncmp(text, "hour", 4) == 0 || strncmp(text, "honest", 6) == 0 || strncmp(text, "honor", 5) == 0 ||
        strncmp(text, "heir", 4) == 0)
        return true;
    en_phones phones = {.count = 0};
    bool name = strchr("fhlmnrsx", text[0]) && word->bytes <= 5; /* "nba" */
    if (!en_vowel_letter(text[0]) && !name) return false;
    en_pronounce(w->en, text, word->bytes, &phones);
    const char *first = phones.count ? ev_token_name(phones.tokens[0]) : "[B]";
    return strchr("AEIOU", first[1]) != NULL;
}

/* NULL: no weak form here. The last word of a phrase is strong: "what for?", "look at". */
static const char *weak(const en_work *w, size_t i) {
    const char *text = en_word_text(w, en_word_at(w, i));
    bool last = i + 1 >= en_word_count(w) || en_word_at(w, i + 1)->before >= EV_BREAK_COMMA;
    if (strcmp(text, "the") == 0) return !last && vowel_sound(w, i + 1) ? "DH IY0" : "DH AH0";
    if (strcmp(text, "a") == 0) return "AH0";
    if (strcmp(text, "to") == 0) return last || vowel_sound(w, i + 1) ? "T UW0" : "T AH0";
    if (last) return NULL;
    for (size_t k = 0; k < EV_ARRAY_COUNT(weak_forms); k++)
        if (strcmp(text, weak_forms[k].word) == 0) return weak_forms[k].weak;
    return NULL;
}

/* ---- the way in ---- */

/* "records", "uses": the stem's heteronym, a verb after he, she, it, a noun otherwise. */
static const heteronym *find_plural(const char *text, size_t n) {
    char stem[16];
    if (n < 4 || n > sizeof(stem) || text[n - 1] != 's' || text[n - 2] == 's') return NULL;
    memcpy(stem, text, n - 1);
    stem[n - 1] = '\0';
    const heteronym *h = find_heteronym(stem);
    return h && (h->rule == BY_TAG || strcmp(stem, "use") == 0 || h->rule == RULE_WIND || h->rule == RULE_TEAR)
               ? h
               : NULL;
}

static bool plural_is_verb(const place *p) {
    if (is_in(near(p, -1), " he she it who which that never always also usually often ")) return true;
    tag t = tag_of(p);
    return t != TAG_NOUN && (is_in(near(p, 1), articles) || is_in(near(p, 1), objects)) && *near(p, -1);
}

/* What the rules say of the word: 0 or 1 of its pair, 2 a third reading, -1 nothing. *phones: the reading; *plural:
 * the ending is still to come. */
static int by_rules(const place *p, const char **phones, bool *plural) {
    const en_word *word = en_word_at(p->w, p->index);
    const char *text = en_word_text(p->w, word);
    const heteronym *h = find_heteronym(text);
    *plural = false;
    if (h) {
        *phones = special(p, h);
        if (*phones) return 2;
        bool second = apply(p, h->rule);
        *phones = second ? h->second : h->first;
        return strcmp(h->first, h->second) != 0 && second;
    }
    h = strcmp(text, "houses") != 0 ? find_plural(text, word->bytes) : NULL;
    if (!h) return -1;
    bool verb = plural_is_verb(p);
    *phones = verb ? h->second : h->first;
    *plural = true;
    return verb;
}

void en_choose(en_work *w) {
    size_t count = en_word_count(w);
    for (size_t i = 0; i < count && !w->words.failed; i++) {
        en_word *word = en_word_at(w, i);
        if (word->spell || word->number || word->phones) continue;
        place p = {w, i};
        const char *phones = NULL;
        bool plural = false;
        int hint = by_rules(&p, &phones, &plural);
        const char *reading = en_homograph_reading(w->en->homographs, w, i, hint);
        if (reading) {
            word->phones = reading;
        } else if (hint >= 0) {
            word->phones = phones;
            word->plural = plural;
        } else {
            word->phones = weak(w, i);
        }
    }
}
