/* strings: every line of the page in its two languages, and the few rules that choose among them. */

const LANGUAGE = "emotivoice.language";

const EN = {
    skip: "Skip to the text", tagline: "Text in, expressive speech out.", language: "Language",
    text: "Text", examples: "Examples", try: "Try", text_file: "Open a text file", text_opened: (name) => `The text is ${name}’s.`,
    marks: "[pause:500ms] is a pause; [重庆](/ch ong2 q ing4/) says how a word is spoken.",
    words: "Pronunciations", words_count: (n) => (n === 1 ? "1 word" : `${n} words`),
    words_hint: "A line for each word: nginx = engine x; tomato = /T AH0 M EY1 T OW0/; 重庆 = /chong2 qing4/. Phones, IPA or pinyin stand between slashes; anything else is what it sounds like.",
    count: (n) => (n === 1 ? "1 character" : `${n.toLocaleString("en")} characters`),
    speak: "Speak", cancel: "Cancel", result: "The speech", play: "Play", pause: "Pause", position: "Position",
    position_text: (now, total) => `${now} of ${total} seconds`,
    wave_label: "Waveform and pitch", mel_label: "Mel spectrogram",
    empty: "The speech is drawn here while you hear it.",
    legend_pitch: "pitch", legend_wave: "waveform", legend_mel: "mel spectrogram",
    format: "Format", download: "Download", downloading: "Preparing the file …", saved: (name) => `Saved as ${name}.`,
    direction: "Direction", reset: "Reset", reset_done: "Settings are as they were at first.",
    voice: "Voice", voices_en: "English by birth", voices_zh: "Mandarin by birth", voices_other: "Other voices",
    voices_uploaded: "Voices you keep", voices_reference: "Brought along", voice_reference: "the recording below",
    voice_reference_note: "Spoken in the voice of your recording.",
    voice_search: "Search voices", voice_search_hint: "Search voices: name, female, zh",
    voices_found: (n, of) => (n < of ? `${n} of ${of} that match` : n === 1 ? "1 voice matches" : `${n || "No"} voices match`),
    voices_listed: (n, of) => `${n} of ${of} voices are listed; search for the others.`,
    sex_female: "female", sex_male: "male", list: (a, b) => `${a}, ${b}`,
    voice_delete: "Delete this voice", voice_delete_sure: (name) => `Delete the voice “${name}” from this server?`,
    voice_deleted: (name) => `The voice ${name} is deleted.`,
    emotion: "Emotion", blend: "Mixed with", blend_none: "nothing", blend_share: "Its share",
    degree: "Degree", speed: "Speed", pitch: "Pitch", times: (x) => `${x} times`,
    volume: "Loudness", decibels: (x) => `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(x)} dB`,
    curl: "As curl", curl_label: "The request as a curl command", curl_copied: "The command is copied.",
    curl_shown: "The command is shown below, to be copied.", api_docs: "The API of this server",
    reference: "Speak in a voice you bring",
    reference_hint: "3 to 10 seconds of one person, without music. Only with that person’s consent.",
    reference_file: "Choose a recording", record: "Record", record_stop: "Stop recording", level: "Level",
    record_more: "a little more", record_enough: "that is enough", record_good: "good, more brings little",
    record_asking: "Waiting for the microphone …", recording_name: "Recording",
    reference_play: "Listen", reference_stop: "Stop", reference_remove: "Remove",
    reference_ready: "The recording is ready. Speak uses its voice.",
    reference_cut: "Only the first 30 seconds are used.",
    reference_short: "It is rather short: 3 seconds or more sound closer.",
    reference_removed: "The recording is removed.",
    keep: "Keep as a voice", keep_name: "Name", keep_consent: "Consent record (optional)", keep_save: "Keep",
    kept: (name) => `Kept as ${name}, and chosen.`,
    live: "This server", live_rps: "requests a second", live_p95: "95th percentile", live_batch: "mean batch",
    live_cache: "voice cache hits", live_queue: "in the queue", live_queue_audio: (s) => `${s} s of speech`,
    live_away: "No figures from the server at the moment.", milliseconds: "ms", live_version: (v) => `Version ${v}`,
    key_title: "This server asks for a key", key_wrong: "That key is not known here",
    key_hint: "It is kept in this tab only, until you close it.", key: "API key", key_cancel: "Not now",
    key_ok: "Use this key",
    status_wait: "Waiting for the first sound …", status_speaking: (ms) => `First sound after ${ms} ms`,
    status_done: (seconds, ms) => `${seconds} s of speech; first sound after ${ms} ms`,
    status_cancelled: "Cancelled.", status_cut: "The connection broke; what has arrived can still be played.",
    emotions: {}, notes: {},
};

const ZH = {
    skip: "跳到文本", tagline: "输入文字，说出情感。", language: "语言",
    text: "文本", examples: "示例", try: "试试", text_file: "打开文本文件", text_opened: (name) => `已读入 ${name}。`,
    marks: "[pause:500ms] 表示停顿；[重庆](/ch ong2 q ing4/) 指定读音。",
    words: "读音", words_count: (n) => `${n} 个词`,
    words_hint: "每行一个词：nginx = engine x；tomato = /T AH0 M EY1 T OW0/；重庆 = /chong2 qing4/。斜线之间写音素、国际音标或拼音；其余写读起来像什么。",
    count: (n) => `${n.toLocaleString("zh")} 字`,
    speak: "朗读", cancel: "取消", result: "语音", play: "播放", pause: "暂停", position: "播放位置",
    position_text: (now, total) => `第 ${now} 秒，共 ${total} 秒`,
    wave_label: "波形与音高", mel_label: "梅尔频谱图",
    empty: "边听边画：语音会出现在这里。",
    legend_pitch: "音高", legend_wave: "波形", legend_mel: "梅尔频谱",
    format: "格式", download: "下载", downloading: "正在生成文件……", saved: (name) => `已保存为 ${name}。`,
    direction: "表达", reset: "还原", reset_done: "已恢复初始设置。",
    voice: "声音", voices_en: "母语为英语", voices_zh: "母语为汉语", voices_other: "其他声音",
    voices_uploaded: "保存的声音", voices_reference: "自带", voice_reference: "下方的录音",
    voice_reference_note: "用录音中的声音朗读。",
    voice_search: "搜索声音", voice_search_hint: "搜索声音：名称、female、zh",
    voices_found: (n, of) => (n < of ? `符合的有 ${of} 个，列出 ${n} 个` : n ? `${n} 个声音符合` : "没有符合的声音"),
    voices_listed: (n, of) => `共 ${of} 个声音，列出 ${n} 个；其余请搜索。`,
    sex_female: "女声", sex_male: "男声", list: (a, b) => `${a}，${b}`,
    voice_delete: "删除这个声音", voice_delete_sure: (name) => `要从服务器上删除声音“${name}”吗？`,
    voice_deleted: (name) => `声音 ${name} 已删除。`,
    emotion: "情感", blend: "混合", blend_none: "不混合", blend_share: "所占比例",
    degree: "强度", speed: "语速", pitch: "音调", times: (x) => `${x} 倍`,
    volume: "响度", decibels: (x) => `${x > 0 ? "+" : x < 0 ? "−" : "±"}${Math.abs(x)} dB`,
    curl: "命令行", curl_label: "发出此请求的 curl 命令", curl_copied: "命令已复制。",
    curl_shown: "命令在下方，可以复制。", api_docs: "本服务器的 API",
    reference: "用录音中的声音",
    reference_hint: "一个人说话 3 到 10 秒，没有音乐。须征得本人同意。",
    reference_file: "选择录音文件", record: "录音", record_stop: "停止录音", level: "音量",
    record_more: "再说一会儿", record_enough: "已经够了", record_good: "很好，再长用处不大",
    record_asking: "正在等待麦克风……", recording_name: "录音",
    reference_play: "试听", reference_stop: "停止", reference_remove: "移除", reference_ready: "录音已就绪，将用它的声音朗读。",
    reference_cut: "只使用前 30 秒。", reference_short: "录音偏短：3 秒以上会更像。",
    reference_removed: "录音已移除。",
    keep: "保存为声音", keep_name: "名称", keep_consent: "同意书编号（可不填）", keep_save: "保存",
    kept: (name) => `已保存为 ${name} 并选中。`,
    live: "服务器现况", live_rps: "请求／秒", live_p95: "95% 分位延迟", live_batch: "平均批量",
    live_cache: "声音缓存命中", live_queue: "排队", live_queue_audio: (s) => `语音 ${s} 秒`,
    live_away: "暂时取不到服务器数据。", milliseconds: "毫秒", live_version: (v) => `版本 ${v}`,
    key_title: "服务器需要密钥", key_wrong: "这个密钥无效",
    key_hint: "只保存在此标签页，关闭即清除。", key: "API 密钥", key_cancel: "暂不", key_ok: "使用此密钥",
    status_wait: "正在等待第一个声音……", status_speaking: (ms) => `${ms} 毫秒后出声`,
    status_done: (seconds, ms) => `语音 ${seconds} 秒；${ms} 毫秒后出声`,
    status_cancelled: "已取消。", status_cut: "连接中断；已收到的部分仍可播放。",
    emotions: {neutral: "中性", calm: "平静", happy: "开心", excited: "兴奋", sad: "悲伤", angry: "生气", surprised: "惊讶",
    fearful: "害怕"},
    notes: {"female, even and clear": "女声，平稳清晰", "male, low and calm": "男声，低沉平和", "male, Scottish": "男声，苏格兰口音",
            "female, bright": "女声，明亮", "male, plain": "男声，朴实", "female, soft": "女声，柔和", "female, high": "女声，高亮",
            "male, full": "男声，浑厚", "male, low": "男声，低沉"},
};

/* Told in words of our own, by the error's code, or else by the field at fault. {n}: seconds to wait. */
const ERRORS_EN = {
    unreachable: "The server cannot be reached. Is it running, and are you online?",
    unauthorized: "The server wants a key. Press Speak again to enter one.",
    wait: "Try again in {n} s.", wait_over: "You can try again now.",
    busy: "The server is busy at the moment.", too_many: "Too many requests for the moment.",
    too_large: "That is more than this server takes at once.",
    server: "The server failed at this. Trying again may help; its log says more.",
    empty_text: "Write something to be spoken first.",
    no_audio: "The server sent no sound.", bad_stream: "The server’s answer is not the sound this page asked for.",
    mic_insecure: "Browsers give the microphone only to https:// pages and to localhost. Choose a file instead.",
    mic_denied: "The microphone is not allowed for this page. The browser’s address bar can change that.",
    mic_missing: "No microphone is found. Connect one, or choose a file.",
    reference_unreadable: "This file holds no sound that the browser can read. Try a .wav or .mp3.",
    reference_silent: "Nothing can be heard in it. Is the microphone muted?",
    reference_tiny: "That is too short: at least 1 second is needed, 3 to 10 are best.",
    reference_large: "This file is larger than 200 MB. Cut out 3 to 10 seconds of it.",
    empty_name: "The voice needs a name.",
    bad_words: "Write each line as “word = how it is said”.",
    text_large: "This file is larger than 1 MB, which is hours of speech. Open a part of it.",
    text_binary: "This file is no plain text. Save it as .txt in UTF-8 first.",
};
const ERRORS_ZH = {
    unreachable: "连接不到服务器。它在运行吗？网络正常吗？",
    unauthorized: "服务器需要密钥。请再按一次“朗读”并输入。",
    wait: "请在 {n} 秒后再试。", wait_over: "现在可以再试了。",
    busy: "服务器正忙。", too_many: "请求太频繁了。",
    too_large: "内容超出了服务器一次能处理的上限。",
    server: "服务器处理失败。可以再试一次；详情见其日志。",
    empty_text: "请先写下要朗读的内容。",
    no_audio: "服务器没有返回声音。", bad_stream: "服务器返回的不是本页请求的声音。",
    mic_insecure: "浏览器只在 https:// 页面和 localhost 上提供麦克风。请改为选择文件。",
    mic_denied: "本页未获准使用麦克风。可在浏览器地址栏中更改。",
    mic_missing: "没有找到麦克风。请连接麦克风，或选择文件。",
    reference_unreadable: "浏览器读不出这个文件里的声音。请试试 .wav 或 .mp3。",
    reference_silent: "里面听不到声音。麦克风是否静音了？",
    reference_tiny: "太短了：至少需要 1 秒，3 到 10 秒最好。",
    reference_large: "文件超过 200 MB。请截取其中 3 到 10 秒。",
    empty_name: "请给声音起个名字。",
    bad_words: "每行请写成“词 = 读法”。",
    text_large: "文件超过 1 MB，相当于几个小时的语音。请分段打开。",
    text_binary: "这不是纯文本文件。请先存为 UTF-8 编码的 .txt。",
    /* what the server says in English, said by field; its own words follow in brackets */
    fields: {
        input: "这段文本无法朗读。", voice: "没有这个声音，或无法使用。", emotion: "没有这种情感。",
        emotion_degree: "强度应在 0 到 1.5 之间。", speed: "语速应在 0.25 到 4 之间。", pitch_scale: "音调应在 0.5 到 2 之间。",
        volume: "响度应在 −40 到 40 dB 之间。",
        reference_audio: "这段录音无法使用。", response_format: "不支持这种格式。", name: "这个名称不能用。",
        consent_id: "同意书编号无效。", lexicon: "读音表里有一行读不懂。",
    },
    other: "服务器没有接受这个请求。",
};

const EXAMPLES = {
    en: [
        {label: "an evening", text: "The rain stopped an hour ago, and the whole street smells of leaves.",
         emotion: "calm"},
        {label: "good news", text: "You won’t believe it: they said yes! Pack your bags, we leave on Friday!",
         emotion: "excited"},
        {label: "numbers", text: "Dr. Smith paid $25.40 on 23 November 2026, at 8:05 a.m.", emotion: "neutral"},
        {label: "two languages", text: "她说：“See you at 重庆北站，下午三点半。”可我还没买票呢！", emotion: "surprised"},
    ],
    zh: [
        {label: "雨后", text: "雨停了一个小时，整条街都是树叶的味道。", emotion: "calm"},
        {label: "好消息", text: "你猜怎么着？他们答应了！快收拾行李，我们星期五就出发！", emotion: "excited"},
        {label: "数字", text: "2026年11月23日上午8点05分，王医生花了25.4元，打了八五折。", emotion: "neutral"},
        {label: "两种语言", text: "她说：“See you at 重庆北站，下午三点半。”可我还没买票呢！", emotion: "surprised"},
    ],
};

let current = "en";

export function language() {
    return current;
}

export function firstLanguage() {
    let kept = null;
    try {
        kept = localStorage.getItem(LANGUAGE);
    } catch { /* storage is switched off: the browser's language has to do */ }
    if (kept === "en" || kept === "zh") return kept;
    return (navigator.languages?.[0] || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

/* remember: the user chose it. */
export function setLanguage(name, remember) {
    current = name;
    document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
    if (remember) {
        try {
            localStorage.setItem(LANGUAGE, name);
        } catch { /* it holds for this visit */ }
    }
    for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
    for (const node of document.querySelectorAll("[data-i18n-label]"))
        node.setAttribute("aria-label", t(node.dataset.i18nLabel));
    for (const node of document.querySelectorAll("[data-i18n-placeholder]"))
        node.placeholder = t(node.dataset.i18nPlaceholder);
}

export function t(key, ...values) {
    const line = (current === "zh" ? ZH : EN)[key];
    return typeof line === "function" ? line(...values) : line;
}

export const emotionName = (label) => t("emotions")[label] || label;
export const noteText = (note) => t("notes")[note] || note;
export const examples = () => EXAMPLES[current];
export const isExample = (text) => Object.values(EXAMPLES).flat().some((e) => e.text === text);
export const errorText = (key) => (current === "zh" ? ERRORS_ZH : ERRORS_EN)[key];
export const fieldText = (param) => ERRORS_ZH.fields[param] || ERRORS_ZH.other;
