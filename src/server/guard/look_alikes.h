/* look_alikes: characters that are read as a Latin letter and that compatibility normalisation does not turn into
 * one: Cyrillic, Greek, Armenian, Cherokee, Lisu, letters with strokes, small capitals, letters on tiles. A selection
 * of the confusables of UTS #39 by what a reader takes for the letter. Capitals stand here only where they look like
 * another letter than their small form; the others are folded to small letters first. */
#ifndef SV_GUARD_LOOK_ALIKES_H
#define SV_GUARD_LOOK_ALIKES_H

static const struct {
    char letter;
    const char *looks;
} LOOK_ALIKES[] = {
    {'a', "аαɑᴀɐӕⱥꭺᎪꓮ🅐🅰"},
    {'b', "вьƅɓʙƀᏼЬβꞵᏴꓐ🅑🅱"},
    {'c', "сϲᴄƈȼꮯⲥᏟꓚ🅒🅲¢"},
    {'d', "ԁɗđɖᴅꭰᎠꓓ🅓🅳"},
    {'e', "еҽєεɛᴇɇəꬲꭼᎬꓰ🅔🅴€"},
    {'f', "ƒꞙꜰϝꓝ🅕🅵"},
    {'g', "ɡɢɠǥԍցᏀꓖ🅖🅶"},
    {'h', "нһհʜħɦԋꮋᎻꓧΗ🅗🅷"},
    {'i', "іıɩɪιɨꙇꭵΙІꓲ🅘🅸"},
    {'j', "јʝϳɉᴊꭻᎫꓙ🅙🅹"},
    {'k', "кκƙᴋⱪқҝꮶᏦꓗ🅚🅺"},
    {'l', "ӏʟłɫɭⱡƚⳑꮮᏞꓡ🅛🅻"},
    {'m', "мᴍɱʍꮇᎷϺꓟ🅜🅼"},
    {'n', "ηпոռɴɲŋƞΝꓠ🅝🅽"},
    {'o', "оοσօᴏøɵөⲟഠ၀ꓳ🅞🅾"},
    {'p', "рρᴘƥϸꮲᏢⲣꓑ🅟🅿"},
    {'q', "ԛզɋʠգ🅠🆀"},
    {'r', "гʀɼɾɍᴦꭇꮁᎡᏒꓣ🅡🆁"},
    {'s', "ѕꜱʂƽꮪᏚꓢ🅢🆂"},
    {'t', "тτᴛŧƭʈꭲᎢⲧꓔ🅣🆃"},
    {'u', "υսᴜʋʉцꓴ🅤🆄"},
    {'v', "νѵᴠꮩᏙᏤꓦ🅥🆅"},
    {'w', "шωԝѡᴡɯաꮃᎳꓪ🅦🆆"},
    {'x', "хχҳӽꓫ🅧🆇"},
    {'y', "уүγʏყƴɏΥꭹꓬ🅨🆈¥"},
    {'z', "ᴢʐƶȥʑꮓᏃζꓜ🅩🆉"},
};

#endif
