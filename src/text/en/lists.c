/* lists: words of our own. The lexicon is from the nineties: it has no e-mail, and its letter-to-sound rules make
 * of contractions what they can. To add a word, put it in byte order (a test checks), phones as in ARPAbet with
 * stress.
 */
#include <stdlib.h>
#include <string.h>

#include "text/en/en.h"

typedef struct entry {
    const char *word, *phones;
} entry;

// clang-format off
static const entry words[] = {
    {"'cause", "K AH0 Z"}, {"'em", "AH0 M"}, {"'til", "T IH1 L"}, {"'tis", "T IH1 Z"}, {"'twas", "T W AH1 Z"},
    {"a", "AH0"}, {"aaah", "AA1"}, {"aah", "AA1"}, {"afternoon", "AE2 F T ER0 N UW1 N"}, {"ah", "AA1"},
    {"aha", "AA0 HH AA1"}, {"ai", "EY1 AY1"}, {"aids", "EY1 D Z"}, {"ain't", "EY1 N T"},
    {"airbnb", "EH1 R B IY2 AH0 N B IY2"}, {"airpods", "EH1 R P AA2 D Z"}, {"alexa", "AH0 L EH1 K S AH0"},
    {"alibaba", "AA2 L IY0 B AA1 B AH0"}, {"amazon", "AE1 M AH0 Z AA2 N"}, {"android", "AE1 N D R OY2 D"},
    {"anime", "AE1 N AH0 M EY2"}, {"api", "EY1 P IY1 AY1"}, {"app", "AE1 P"}, {"apps", "AE1 P S"},
    {"arduino", "AA0 R D W IY1 N OW0"}, {"aren't", "AA1 R AH0 N T"}, {"asap", "EY1 EH1 S EY1 P IY1"},
    {"ascii", "AE1 S K IY0"}, {"asean", "AA1 S IY0 AA2 N"}, {"async", "EY1 S IH2 NG K"}, {"baidu", "B AY1 D UW1"},
    {"beijing", "B EY2 JH IH1 NG"}, {"billion", "B IH1 L Y AH0 N"}, {"billionth", "B IH1 L Y AH0 N TH"},
    {"bios", "B AY1 OW0 S"}, {"bitcoin", "B IH1 T K OY2 N"}, {"bitcoins", "B IH1 T K OY2 N Z"},
    {"blockchain", "B L AA1 K CH EY2 N"}, {"blog", "B L AA1 G"}, {"bluetooth", "B L UW1 T UW2 TH"},
    {"boolean", "B UW1 L IY0 AH0 N"}, {"brexit", "B R EH1 K S IH0 T"}, {"brunch", "B R AH1 N CH"},
    {"byte", "B AY1 T"}, {"bytes", "B AY1 T S"}, {"cafe", "K AE0 F EY1"}, {"can't", "K AE1 N T"},
    {"cdrom", "S IY1 D IY1 R AA1 M"}, {"celsius", "S EH1 L S IY0 AH0 S"}, {"cern", "S ER1 N"},
    {"cetera", "S EH1 T ER0 AH0"}, {"chatbot", "CH AE1 T B AA2 T"}, {"chatgpt", "CH AE1 T JH IY1 P IY1 T IY1"},
    {"cliche", "K L IY0 SH EY1"}, {"clickbait", "K L IH1 K B EY2 T"}, {"codec", "K OW1 D EH2 K"},
    {"com", "K AA1 M"}, {"config", "K AH0 N F IH1 G"}, {"coronavirus", "K ER0 OW1 N AH0 V AY2 R AH0 S"},
    {"could've", "K UH1 D AH0 V"}, {"couldn't", "K UH1 D AH0 N T"}, {"cov", "K OW1 V"}, {"covax", "K OW1 V AE2 K S"},
    {"covid", "K OW1 V IH0 D"}, {"crowdfunding", "K R AW1 D F AH2 N D IH0 NG"}, {"crypto", "K R IH1 P T OW0"},
    {"cryptocurrency", "K R IH2 P T OW0 K ER1 AH0 N S IY0"}, {"cuda", "K UW1 D AH0"},
    {"cybersecurity", "S AY2 B ER0 S IH0 K Y UH1 R AH0 T IY0"}, {"darpa", "D AA1 R P AH0"},
    {"debian", "D EH1 B IY0 AH0 N"}, {"deepfake", "D IY1 P F EY2 K"}, {"deepseek", "D IY1 P S IY2 K"},
    {"degree", "D IH0 G R IY1"}, {"degrees", "D IH0 G R IY1 Z"}, {"deja", "D EY1 ZH AA0"},
    {"didn't", "D IH1 D AH0 N T"}, {"disagree", "D IH2 S AH0 G R IY1"}, {"diy", "D IY1 AY1 W AY1"},
    {"docker", "D AA1 K ER0"}, {"doesn't", "D AH1 Z AH0 N T"}, {"doge", "D OW1 JH"}, {"don't", "D OW1 N T"},
    {"dos", "D AO1 S"}, {"dunno", "D AH0 N OW1"}, {"duolingo", "D UW2 OW0 L IH1 NG G OW0"}, {"e", "IY1"},
    {"ebay", "IY1 B EY2"}, {"ebook", "IY1 B UH2 K"}, {"ecommerce", "IY1 K AA2 M ER0 S"}, {"eh", "EY1"},
    {"eighth", "EY1 T TH"}, {"eighths", "EY1 T TH S"}, {"eightieth", "EY1 T IY0 AH0 TH"}, {"email", "IY1 M EY2 L"},
    {"emailed", "IY1 M EY2 L D"}, {"emailing", "IY1 M EY2 L IH0 NG"}, {"emails", "IY1 M EY2 L Z"},
    {"emoji", "IH0 M OW1 JH IY0"}, {"emojis", "IH0 M OW1 JH IY0 Z"}, {"emotivoice", "IH0 M OW1 T IY0 V OY2 S"},
    {"employee", "EH0 M P L OY1 IY0"}, {"entertain", "EH2 N T ER0 T EY1 N"}, {"entree", "AA1 N T R EY2"},
    {"espresso", "EH0 S P R EH1 S OW0"}, {"et", "EH1 T"}, {"etc", "EH2 T S EH1 T ER0 AH0"},
    {"etcetera", "EH2 T S EH1 T ER0 AH0"}, {"facade", "F AH0 S AA1 D"}, {"facebook", "F EY1 S B UH2 K"},
    {"facetime", "F EY1 S T AY2 M"}, {"fahrenheit", "F EH1 R AH0 N HH AY2 T"}, {"fiance", "F IY2 AA0 N S EY1"},
    {"fiancee", "F IY2 AA0 N S EY1"}, {"fifa", "F IY1 F AH0"}, {"fifth", "F IH1 F TH"}, {"fifths", "F IH1 F TH S"},
    {"fiftieth", "F IH1 F T IY0 AH0 TH"}, {"fintech", "F IH1 N T EH2 K"}, {"firefox", "F AY1 ER0 F AA2 K S"},
    {"firmware", "F ER1 M W EH2 R"}, {"fitbit", "F IH1 T B IH2 T"}, {"flickr", "F L IH1 K ER0"},
    {"fomo", "F OW1 M OW0"}, {"fortieth", "F AO1 R T IY0 AH0 TH"}, {"fortnite", "F AO1 R T N AY2 T"},
    {"fourteen", "F AO1 R T IY1 N"}, {"freelancer", "F R IY1 L AE2 N S ER0"}, {"geek", "G IY1 K"},
    {"gif", "G IH1 F"}, {"gigabits", "G IH1 G AH0 B IH2 T S"}, {"gigabyte", "G IH1 G AH0 B AY2 T"},
    {"gigabytes", "G IH1 G AH0 B AY2 T S"}, {"gigahertz", "G IH1 G AH0 HH ER2 T S"},
    {"gigawatts", "G IH1 G AH0 W AA2 T S"}, {"gimme", "G IH1 M IY0"}, {"github", "G IH1 T HH AH2 B"},
    {"gitlab", "G IH1 T L AE2 B"}, {"gmail", "JH IY1 M EY2 L"}, {"gonna", "G AH1 N AH0"},
    {"google", "G UW1 G AH0 L"}, {"googled", "G UW1 G AH0 L D"}, {"googling", "G UW1 G AH0 L IH0 NG"},
    {"gotta", "G AA1 T AH0"}, {"gps", "JH IY1 P IY1 EH1 S"}, {"gpu", "JH IY1 P IY1 Y UW1"},
    {"guangzhou", "G W AA2 NG JH OW1"}, {"guarantee", "G EH2 R AH0 N T IY1"}, {"gui", "G UW1 IY0"},
    {"hadn't", "HH AE1 D AH0 N T"}, {"hadoop", "HH AH0 D UW1 P"}, {"haha", "HH AA2 HH AA1"},
    {"hashtag", "HH AE1 SH T AE2 G"}, {"hashtags", "HH AE1 SH T AE2 G Z"}, {"hasn't", "HH AE1 Z AH0 N T"},
    {"haven't", "HH AE1 V AH0 N T"}, {"hbo", "EY1 CH B IY1 OW1"}, {"he'd", "HH IY1 D"}, {"he'll", "HH IY1 L"},
    {"he's", "HH IY1 Z"}, {"her", "HH ER1"}, {"here's", "HH IH1 R Z"}, {"hertz", "HH ER1 T S"}, {"hm", "HH AH1 M"},
    {"hmm", "HH AH1 M"}, {"hmmm", "HH AH1 M"}, {"how'd", "HH AW1 D"}, {"how's", "HH AW1 Z"},
    {"html", "EY1 CH T IY1 EH1 M EH1 L"}, {"http", "EY1 CH T IY1 T IY1 P IY1"},
    {"https", "EY1 CH T IY1 T IY1 P IY1 EH1 S"}, {"huawei", "W AA1 W EY2"}, {"huh", "HH AH1"},
    {"hulu", "HH UW1 L UW0"}, {"hundred", "HH AH1 N D R AH0 D"}, {"hundredth", "HH AH1 N D R AH0 D TH"},
    {"hundredths", "HH AH1 N D R AH0 D TH S"}, {"i'd", "AY1 D"}, {"i'll", "AY1 L"}, {"i'm", "AY1 M"},
    {"i've", "AY1 V"}, {"icloud", "AY1 K L AW2 D"}, {"ikea", "AY0 K IY1 AH0"}, {"imac", "AY1 M AE2 K"},
    {"imessage", "AY1 M EH2 S IH0 JH"}, {"in", "IH1 N"}, {"influencer", "IH1 N F L UW2 AH0 N S ER0"},
    {"influencers", "IH1 N F L UW2 AH0 N S ER0 Z"}, {"instagram", "IH1 N S T AH0 G R AE2 M"},
    {"introduce", "IH2 N T R AH0 D UW1 S"}, {"ios", "AY1 OW1 EH1 S"}, {"iot", "AY1 OW1 T IY1"},
    {"ipad", "AY1 P AE2 D"}, {"ipads", "AY1 P AE2 D Z"}, {"iphone", "AY1 F OW2 N"}, {"iphones", "AY1 F OW2 N Z"},
    {"ipod", "AY1 P AA2 D"}, {"ipsum", "IH1 P S AH0 M"}, {"isn't", "IH1 Z AH0 N T"}, {"it'd", "IH1 T AH0 D"},
    {"it'll", "IH1 T AH0 L"}, {"it's", "IH1 T S"}, {"javascript", "JH AA1 V AH0 S K R IH2 P T"},
    {"jpeg", "JH EY1 P EH2 G"}, {"json", "JH EY1 S AH0 N"}, {"karaoke", "K EH2 R IY0 OW1 K IY0"},
    {"kilobits", "K IH1 L AH0 B IH2 T S"}, {"kilobyte", "K IH1 L AH0 B AY2 T"},
    {"kilobytes", "K IH1 L AH0 B AY2 T S"}, {"kilohertz", "K IH1 L AH0 HH ER2 T S"},
    {"kilometer", "K AH0 L AA1 M AH0 T ER0"}, {"kilometers", "K AH0 L AA1 M AH0 T ER0 Z"},
    {"kilowatt", "K IH1 L AH0 W AA2 T"}, {"kilowatts", "K IH1 L AH0 W AA2 T S"}, {"kinda", "K IH1 N D AH0"},
    {"kubernetes", "K UW2 B ER0 N EH1 T IY0 Z"}, {"kwh", "K IH1 L AH0 W AA2 T AW1 ER0"}, {"lan", "L AE1 N"}, {"laptop", "L AE1 P T AA2 P"},
    {"laptops", "L AE1 P T AA2 P S"}, {"laser", "L EY1 Z ER0"}, {"latte", "L AA1 T EY2"}, {"lemme", "L EH1 M IY0"},
    {"let's", "L EH1 T S"}, {"lidar", "L AY1 D AA2 R"}, {"linkedin", "L IH1 NG K T IH2 N"},
    {"linux", "L IH1 N AH0 K S"}, {"llama", "L AA1 M AH0"}, {"lol", "L AA1 L"}, {"lorem", "L AO1 R EH2 M"}, {"ma'am", "M AE1 M"},
    {"macbook", "M AE1 K B UH2 K"}, {"macos", "M AE1 K OW1 EH1 S"}, {"malware", "M AE1 L W EH2 R"},
    {"manga", "M AA1 NG G AH0"}, {"matcha", "M AA1 CH AH0"}, {"matrix", "M EY1 T R IH0 K S"},
    {"mcdonald", "M AH0 K D AA1 N AH0 L D"}, {"megabits", "M EH1 G AH0 B IH2 T S"},
    {"megabyte", "M EH1 G AH0 B AY2 T"}, {"megabytes", "M EH1 G AH0 B AY2 T S"},
    {"megahertz", "M EH1 G AH0 HH ER2 T S"}, {"megawatts", "M EH1 G AH0 W AA2 T S"}, {"meme", "M IY1 M"},
    {"memes", "M IY1 M Z"}, {"metadata", "M EH1 T AH0 D EY2 T AH0"}, {"metaverse", "M EH1 T AH0 V ER2 S"},
    {"mhm", "M HH AH1 M"}, {"micrometers", "M AY1 K R OW0 M IY2 T ER0 Z"},
    {"microseconds", "M AY1 K R OW0 S EH2 K AH0 N D Z"}, {"microservice", "M AY1 K R OW0 S ER2 V AH0 S"},
    {"microservices", "M AY1 K R OW0 S ER2 V AH0 S IH0 Z"}, {"middleware", "M IH1 D AH0 L W EH2 R"},
    {"might've", "M AY1 T AH0 V"}, {"mightn't", "M AY1 T AH0 N T"}, {"milliliter", "M IH1 L AH0 L IY2 T ER0"},
    {"milliliters", "M IH1 L AH0 L IY2 T ER0 Z"}, {"millimeter", "M IH1 L AH0 M IY2 T ER0"},
    {"millimeters", "M IH1 L AH0 M IY2 T ER0 Z"}, {"million", "M IH1 L Y AH0 N"},
    {"millionth", "M IH1 L Y AH0 N TH"}, {"milliseconds", "M IH1 L AH0 S EH2 K AH0 N D Z"}, {"mm", "M AH1 M"},
    {"mmm", "M AH1 M"}, {"multimedia", "M AH2 L T IY0 M IY1 D IY0 AH0"}, {"must've", "M AH1 S T AH0 V"},
    {"mustn't", "M AH1 S AH0 N T"}, {"mysql", "M AY1 EH1 S K Y UW1 EH1 L"}, {"nacl", "EH1 N EY1 S IY1 EH1 L"}, {"nafta", "N AE1 F T AH0"},
    {"nah", "N AE1"}, {"naive", "N AA2 IY1 V"}, {"nanometers", "N AE1 N OW0 M IY2 T ER0 Z"},
    {"nanoseconds", "N AE1 N OW0 S EH2 K AH0 N D Z"}, {"nasa", "N AE1 S AH0"}, {"nasdaq", "N AE1 Z D AE2 K"},
    {"nato", "N EY1 T OW0"}, {"needn't", "N IY1 D AH0 N T"}, {"netflix", "N EH1 T F L IH2 K S"},
    {"nginx", "EH1 N JH AH0 N EH1 K S"}, {"ninetieth", "N AY1 N T IY0 AH0 TH"},
    {"nintendo", "N IH0 N T EH1 N D OW0"}, {"ninth", "N AY1 N TH"}, {"nth", "EH1 N TH"}, {"numpy", "N AH1 M P AY2"},
    {"nvidia", "EH0 N V IH1 D IY0 AH0"}, {"o'clock", "AH0 K L AA1 K"}, {"oh", "OW1"}, {"ok", "OW2 K EY1"},
    {"okay", "OW2 K EY1"}, {"omg", "OW1 EH1 M JH IY1"}, {"online", "AA1 N L AY1 N"}, {"ooh", "UW1"},
    {"oops", "UH1 P S"}, {"opec", "OW1 P EH2 K"}, {"openai", "OW1 P AH0 N EY1 AY1"}, {"org", "AO1 R G"},
    {"osha", "OW1 SH AH0"}, {"ouch", "AW1 CH"}, {"ourselves", "AW0 ER0 S EH1 L V Z"},
    {"overcome", "OW2 V ER0 K AH1 M"}, {"ow", "AW1"}, {"params", "P ER0 AE1 M Z"}, {"paypal", "P EY1 P AE2 L"},
    {"pc", "P IY1 S IY1"}, {"pcie", "P IY1 S IY1 AY1 IY1"}, {"pdf", "P IY1 D IY1 EH1 F"}, {"percent", "P ER0 S EH1 N T"}, {"pfft", "F T"},
    {"phd", "P IY1 EY1 CH D IY1"}, {"pho", "F AH1"}, {"photoshop", "F OW1 T OW0 SH AA2 P"},
    {"pikachu", "P IY1 K AH0 CH UW2"}, {"pin", "P IH1 N"}, {"pixel", "P IH1 K S AH0 L"},
    {"pixels", "P IH1 K S AH0 L Z"}, {"playlist", "P L EY1 L IH2 S T"}, {"playstation", "P L EY1 S T EY2 SH AH0 N"},
    {"pls", "P L IY1 Z"}, {"plz", "P L IY1 Z"}, {"pm", "P IY1 EH1 M"}, {"podcast", "P AA1 D K AE2 S T"},
    {"podcasts", "P AA1 D K AE2 S T S"}, {"pokemon", "P OW1 K IY0 M AA2 N"}, {"posix", "P AA1 Z IH0 K S"},
    {"postgres", "P OW1 S T G R EH2 S"}, {"potus", "P OW1 T AH0 S"}, {"prn", "P IY1 AA1 R EH1 N"}, {"protege", "P R OW1 T AH0 ZH EY2"},
    {"psst", "P S T"}, {"python", "P AY1 TH AA2 N"}, {"pytorch", "P AY1 T AO2 R CH"},
    {"qid", "K Y UW1 AY1 D IY1"}, {"quadrillion", "K W AA0 D R IH1 L Y AH0 N"}, {"quinoa", "K IY1 N W AA2"}, {"qwen", "K W EH1 N"},
    {"radar", "R EY1 D AA2 R"}, {"ram", "R AE1 M"}, {"recommend", "R EH2 K AH0 M EH1 N D"},
    {"reddit", "R EH1 D IH0 T"}, {"redis", "R EH1 D IH0 S"}, {"represent", "R EH2 P R AH0 Z EH1 N T"},
    {"resume", "R IH0 Z UW1 M"}, {"roblox", "R OW1 B L AA2 K S"}, {"rom", "R AA1 M"}, {"router", "R AW1 T ER0"},
    {"saas", "S AE1 S"}, {"sars", "S AA1 R Z"}, {"scotus", "S K OW1 T AH0 S"}, {"screenshot", "S K R IY1 N SH AA2 T"},
    {"screenshots", "S K R IY1 N SH AA2 T S"}, {"scuba", "S K UW1 B AH0"}, {"selfie", "S EH1 L F IY0"},
    {"selfies", "S EH1 L F IY0 Z"}, {"seventieth", "S EH1 V AH0 N T IY0 AH0 TH"}, {"shan't", "SH AE1 N T"},
    {"shanghai", "SH AE2 NG HH AY1"}, {"she'd", "SH IY1 D"}, {"she'll", "SH IY1 L"}, {"she's", "SH IY1 Z"},
    {"shenzhen", "SH EH2 N JH EH1 N"}, {"shh", "SH"}, {"should've", "SH UH1 D AH0 V"},
    {"shouldn't", "SH UH1 D AH0 N T"}, {"sim", "S IH1 M"}, {"siri", "S IH1 R IY0"},
    {"sixteen", "S IH0 K S T IY1 N"}, {"sixth", "S IH1 K S TH"}, {"sixths", "S IH1 K S TH S"},
    {"sixtieth", "S IH1 K S T IY0 AH0 TH"}, {"skype", "S K AY1 P"}, {"smartphone", "S M AA1 R T F OW2 N"},
    {"smartphones", "S M AA1 R T F OW2 N Z"}, {"smoothie", "S M UW1 DH IY0"}, {"snapchat", "S N AE1 P CH AE2 T"},
    {"sorta", "S AO1 R T AH0"}, {"souffle", "S UW0 F L EY1"}, {"spacex", "S P EY1 S EH1 K S"},
    {"spotify", "S P AA1 T AH0 F AY2"}, {"sql", "S IY1 K W AH0 L"}, {"startup", "S T AA1 R T AH2 P"},
    {"startups", "S T AA1 R T AH2 P S"}, {"subreddit", "S AH1 B R EH2 D IH0 T"}, {"sudoku", "S UW0 D OW1 K UW2"},
    {"sushi", "S UW1 SH IY0"}, {"swat", "S W AA1 T"}, {"tao", "D AW1"}, {"telegram", "T EH1 L AH0 G R AE2 M"},
    {"tencent", "T EH1 N S EH2 N T"}, {"terabyte", "T EH1 R AH0 B AY2 T"}, {"terabytes", "T EH1 R AH0 B AY2 T S"},
    {"tesla", "T EH1 S L AH0"}, {"that'd", "DH AE1 T AH0 D"}, {"that'll", "DH AE1 T AH0 L"},
    {"that's", "DH AE1 T S"}, {"themselves", "DH EH0 M S EH1 L V Z"}, {"there'd", "DH EH1 R D"},
    {"there'll", "DH EH1 R AH0 L"}, {"there's", "DH EH1 R Z"}, {"they'd", "DH EY1 D"}, {"they'll", "DH EY1 L"},
    {"they're", "DH EH1 R"}, {"they've", "DH EY1 V"}, {"thirteen", "TH ER0 T IY1 N"},
    {"thirtieth", "TH ER1 T IY0 AH0 TH"}, {"thousand", "TH AW1 Z AH0 N D"}, {"thousandth", "TH AW1 Z AH0 N D TH"},
    {"thousandths", "TH AW1 Z AH0 N D TH S"}, {"thx", "TH AE1 NG K S"}, {"tid", "T IY1 AY1 D IY1"}, {"tiktok", "T IH1 K T AA2 K"},
    {"timestamp", "T AY1 M S T AE2 M P"}, {"timestamps", "T AY1 M S T AE2 M P S"}, {"tofu", "T OW1 F UW0"},
    {"trillion", "T R IH1 L Y AH0 N"}, {"tsk", "T IH1 S K"}, {"tsunami", "T S UW0 N AA1 M IY0"},
    {"tv", "T IY1 V IY1"}, {"twelfth", "T W EH1 L F TH"}, {"twelfths", "T W EH1 L F TH S"},
    {"twentieth", "T W EH1 N T IY0 AH0 TH"}, {"twitter", "T W IH1 T ER0"}, {"uber", "UW1 B ER0"},
    {"ubuntu", "UH0 B UH1 N T UW0"}, {"uefa", "Y UW0 EY1 F AH0"}, {"ugh", "AH1 G"}, {"uh", "AH1"}, {"um", "AH1 M"},
    {"unboxing", "AH0 N B AA1 K S IH0 NG"}, {"understand", "AH2 N D ER0 S T AE1 N D"},
    {"understood", "AH2 N D ER0 S T UH1 D"}, {"unesco", "Y UW0 N EH1 S K OW0"}, {"unicef", "Y UW1 N AH0 S EH2 F"},
    {"unicode", "Y UW1 N IH0 K OW2 D"}, {"unix", "Y UW1 N IH0 K S"}, {"url", "Y UW1 AA1 R EH1 L"},
    {"usb", "Y UW1 EH1 S B IY1"}, {"username", "Y UW1 Z ER0 N EY2 M"}, {"vat", "V AE1 T"},
    {"versus", "V ER1 S AH0 S"}, {"vlog", "V L AA1 G"}, {"vr", "V IY1 AA1 R"}, {"vs", "V ER1 S AH0 S"},
    {"wan", "W AA1 N"}, {"wanna", "W AA1 N AH0"}, {"wasn't", "W AA1 Z AH0 N T"}, {"wasp", "W AA1 S P"},
    {"we'd", "W IY1 D"}, {"we'll", "W IY1 L"}, {"we're", "W IH1 R"}, {"we've", "W IY1 V"},
    {"webcam", "W EH1 B K AE2 M"}, {"webinar", "W EH1 B AH0 N AA2 R"}, {"website", "W EH1 B S AY2 T"},
    {"websites", "W EH1 B S AY2 T S"}, {"wechat", "W IY1 CH AE2 T"}, {"weibo", "W EY1 B OW2"}, {"were", "W ER1"},
    {"weren't", "W ER1 AH0 N T"}, {"what'd", "W AH1 T AH0 D"}, {"what'll", "W AH1 T AH0 L"},
    {"what're", "W AH1 T ER0"}, {"what's", "W AH1 T S"}, {"whatsapp", "W AH1 T S AE2 P"}, {"where's", "W EH1 R Z"},
    {"who'd", "HH UW1 D"}, {"who'll", "HH UW1 L"}, {"who're", "HH UW1 ER0"}, {"who's", "HH UW1 Z"},
    {"who've", "HH UW1 V"}, {"why'd", "W AY1 D"}, {"wifi", "W AY1 F AY2"}, {"wiki", "W IH1 K IY0"},
    {"wikipedia", "W IH2 K IH0 P IY1 D IY0 AH0"}, {"wikis", "W IH1 K IY0 Z"}, {"won't", "W OW1 N T"},
    {"would've", "W UH1 D AH0 V"}, {"wouldn't", "W UH1 D AH0 N T"}, {"wuhan", "W UW2 HH AA1 N"},
    {"xbox", "EH1 K S B AA2 K S"}, {"xi'an", "SH IY2 AA1 N"}, {"xiao", "SH AW1"}, {"xiaomi", "SH AW1 M IY2"},
    {"y'all", "Y AO1 L"}, {"yay", "Y EY1"}, {"yeah", "Y AE1"}, {"yep", "Y EH1 P"}, {"yolo", "Y OW1 L OW0"},
    {"you'd", "Y UW1 D"}, {"you'll", "Y UW1 L"}, {"you're", "Y UH1 R"}, {"you've", "Y UW1 V"},
    {"yourselves", "Y AO0 R S EH1 L V Z"}, {"youtube", "Y UW1 T UW2 B"}, {"youtuber", "Y UW1 T UW2 B ER0"},
    {"youtubers", "Y UW1 T UW2 B ER0 Z"}, {"yup", "Y AH1 P"}, {"zero", "Z IH1 R OW0"}, {"zoom", "Z UW1 M"},
    {"zzz", "Z"},
};
// clang-format on

const char *const en_letter_names[26] = {"EY1",
                                         "B IY1",
                                         "S IY1",
                                         "D IY1",
                                         "IY1",
                                         "EH1 F",
                                         "JH IY1",
                                         "EY1 CH",
                                         "AY1",
                                         "JH EY1",
                                         "K EY1",
                                         "EH1 L",
                                         "EH1 M",
                                         "EH1 N",
                                         "OW1",
                                         "P IY1",
                                         "K Y UW1",
                                         "AA1 R",
                                         "EH1 S",
                                         "T IY1",
                                         "Y UW1",
                                         "V IY1",
                                         "D AH1 B AH0 L Y UW0",
                                         "EH1 K S",
                                         "W AY1",
                                         "Z IY1"};

/* Said letter by letter although they look like words. */
static const char letters[] =
    " usa us uk uae eu un id ids led leds sap afaik iban tldr it ui ux ai ar vr tv pc pcs dna rna cia fbi nba nfl "
    "nhl mlb ceo cfo cto coo "
    "cpu gpu tpu npu ssd hdd api sdk ide iso ibm amd atm dvd cd cds gdp gps hiv iq eq irs mba phd md bbc abc "
    "nbc cbs cnn hbo pga ufo usb url html http https ftp ssh ssl tls vpn ip tcp udp dns aws sms mms pdf ipo "
    "roi kpi faq diy eta aka asap fyi imo omg brb btw tba tbd rsvp vip hr pr bmw gmc ups dhl kfc mit ucla usc "
    "nyu la ny dc nyc espn mtv imf wto who iaea ioc nra aarp aclu ieee acm iot llm llms asr tts nlp ocr rpm "
    "mph dj mc pm am ad bc bce ce apr apy nhs usd wwe mvp ncaa nsa utc gmt nrl itv lsu edt pst std gpa rpg "
    "psa rbi btc htc cpr css dlc gta gst hms lte blm msnbc psg tsa oem thc tnt vhs doj idf cpi esa icu isp "
    "dmv snl tpp ccp ftc msc nyt psp nyse edm ipl mrna usps csr llp cfa cpc icc pbs cbd afc mla apa cba cbi "
    "ict iss pci pcb pcr rgb rsa wwf cnbc dps fsa hpv ivf npc ymca csa gcse imdb uv nypd lapd ngo mri "
    "emt suv atms dui lcd hdr fps mmo gdpr sla slo crm erp vcs etf rfc jvm jdk orm cli xml svg "
    "csv tsv rtf avi aac vcr dvr ott drm ddos nfc rfid qr wpa vlan sata nvme ddr gddr gtx rtx apu fpga "
    "uart spi ";

/* Said as words although they are written in capitals. */
static const char acronym_words[] =
    " stem captcha sids nasa nato opec unesco unicef asean fifa uefa ikea ram rom lan wan vat pin sim nasdaq laser "
    "radar scuba covid "
    "covax aids sars swat yolo fomo bios dos unix posix cern darpa osha potus scotus wasp ascii json jpeg gif lol "
    "gui cuda nafta zip sonar taser ok lidar nvidia sql cobol basic fortran mac linux mips risc cisc salt start "
    "epcot saas paas iaas crud soap rest yaml toml java perl ruby mers hamas sos tesla ted dreamer vin ";

/* Everyday words of two to four letters: in capitals they are emphasis, not acronyms. */
static const char common[] =
    " a i an as at be by do go he if in is me my no of on or so to up we and any are ask bad big but buy can did "
    "for get got had has her hey him his hot how its let lot may new not now off old one our out own put ran red run "
    "said saw say see she sit six son sun ten the too top try two use war was way who why win won yes yet you all "
    "act bug fix "
    "add age ago air art bag bar bed bit box boy car cat cut dad day die dog dry due ear eat end eye far fat few fit "
    "fly fun gun guy hat hit ice ill job joy key kid law lay led leg lie low man map men mix mom net nor oil pay pen "
    "per pet pop raw sad sea set sex sir sky ten tie tip toy van via wet yeah back best call come cool dear does "
    "done "
    "down each even ever face fact fall fast feel find fire five food four free from full game gave girl give goes "
    "gone good hand hard have head hear help here high hold home hope hour huge idea into just keep kind know last "
    "late left less life like line list live long look lose loss lost love made make many mean meet mind miss more "
    "most move much must name near need news next nice nine okay once only open over page part pass past plan play "
    "plus post pull push rain read real rest rich ride ring road room rule safe sale same save seen self sell send "
    "ship shop show shut sick side sign site size slow snow soft some song soon sort star stay step stop such sure "
    "take talk tell test text than that them then they this time told took town tree true turn type upon very view "
    "vote wait walk wall want warm wash wear week well went were west what when whom wide wife wild will wind wine "
    "wish with word work year your zero never ever stop warning please great amazing danger error free sale ";

static int compare(const void *key, const void *element) { return strcmp(key, ((const entry *)element)->word); }

const char *en_list_phones(const char *word, size_t n) {
    char key[24];
    if (n == 0 || n >= sizeof(key)) return NULL;
    memcpy(key, word, n);
    key[n] = '\0';
    const entry *found = bsearch(key, words, EV_ARRAY_COUNT(words), sizeof(words[0]), compare);
    return found ? found->phones : NULL;
}

size_t en_list_count(void) { return EV_ARRAY_COUNT(words); }
const char *en_list_word(size_t index) { return index < EV_ARRAY_COUNT(words) ? words[index].word : NULL; }

bool en_list_is_letters(const char *lower, size_t n) { return en_in_list(letters, lower, n); }
bool en_list_is_acronym_word(const char *lower, size_t n) { return en_in_list(acronym_words, lower, n); }
bool en_list_is_common(const char *lower, size_t n) { return en_in_list(common, lower, n); }
