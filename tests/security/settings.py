"""Every setting of docs/emotivoice.conf with two values, the first of which is not its default, for tests that set them all."""
import os
import re
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = tempfile.mkdtemp()
LINE = re.compile(r"^#([a-z_]+) = ?(.*)$")


def documented():
    """{key: (default, live)}, in the file's order; (live) stands in the comment above."""
    found, comment = {}, ""
    with open(os.path.join(ROOT, "docs", "emotivoice.conf"), encoding="utf-8") as file:
        for line in file:
            match = LINE.match(line.rstrip("\n"))
            if match:
                found[match[1]] = (match[2], "(live)" in comment)
            comment = "" if match or not line.strip() else comment + line
    return found


def _file(name, text=""):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _folder(name):
    path = os.path.join(FOLDER, name)
    os.makedirs(path, exist_ok=True)
    return path


os.environ.update(AWS_ACCESS_KEY_ID="known", AWS_SECRET_ACCESS_KEY="kept")  # of a bucket that nobody is asked for
# What cannot be made from the default.
MODEL = os.environ.get("EMOTIVOICE_MODEL") or os.path.join(ROOT, "models", "emotivoice-default.safetensors")
GIVEN = {
    "listen": ("127.0.0.1:0", "localhost:0"),
    "admin_listen": ("127.0.0.1:0", "localhost:0"),
    "wyoming": ("127.0.0.1:0", "localhost:0"),
    "hosts": ("speech.example.org", "*.example.org"),
    "cors_origins": ("https://example.org", "https://app.example.org:8443"),
    "trusted_proxies": ("10.0.0.0/8 ::1", "192.168.1.7"),
    "connections_max": ("100", "200"),
    "model": (MODEL, os.path.join(FOLDER, os.path.basename(MODEL))),
    "threads": ("1", "2"),
    "text_threads": ("2", "3"),
    "memory_budget": ("100MB", "200MB"),
    "batch_mode": ("fixed", "off"),
    "parallel": ("1", "2"),
    "tries_max": ("2", "1"),
    "keys_file": (_file("keys"), _file("more-keys", "# none yet\n")),
    "words_file": (_file("words", "forbidden\n"), _file("more-words", "unsaid\n")),
    "lexicon": (_file("lexicon", "gif = /JH IH1 F/\n"), _file("more-lexicon", "gif = /G IH1 F/\n")),
    "worker_jobs": ("4", "8"),
    "redis_fallback": ("local", "off"),
    "otlp": ("http://127.0.0.1:1", "http://127.0.0.1:2"),
    "redis": ("redis://:s3cret@127.0.0.1:1/1", "unix:/nowhere"),
    "store": ("s3://media/tts?endpoint=http://127.0.0.1:1", "s3://media?region=eu-west-1&endpoint=http://127.0.0.1:1"),
    "store_access_key": ("known", "changed"), "store_secret_key": ("kept to itself", "and changed"),
    "store_session_token": ("for-an-hour", "changed"),
    "data_dir": (_folder("data"), _folder("more-data")),
    "voices_dir": (_folder("voices"), _folder("more-voices")),
    "reference_seconds_max": ("20", "10"),
    "reference_bytes_max": ("1MB", "2MB"),
    "decoder_filter": ("optional", "required"),
    "consent": ("required", "off"),
    "fetch": ("https", "any"),
    "simple": ("on", "off"),
    "websockets_max": ("8", "16"),
    "fetch_formats": ("wav flac", "mp3"), "reference_formats": ("wav opus", "mp3"),
    "fetch_allow": ("media.example.org *.example.com", "example.net"),
    "webhook": ("https", "any"),
    "webhook_secret": ("kept to itself", "and changed"),
    "log_level": ("debug", "warn"),
}
SECRETS = ("webhook_secret", "redis", "otlp", "store_access_key", "store_secret_key", "store_session_token")  # are never printed
NEEDS = {"anonymous": "keys_file", "redis": "data_dir", "store": "data_dir",
         "store_access_key": "store_secret_key", "store_secret_key": "store_access_key"}  # what a setting is of no use without
if not os.path.exists(GIVEN["model"][1]):
    os.symlink(GIVEN["model"][0], GIVEN["model"][1])
    for lexicon in os.listdir(os.path.dirname(MODEL)):
        if lexicon.endswith((".lexicon", ".homographs", ".polyphones")):
            os.symlink(os.path.join(os.path.dirname(os.path.abspath(MODEL)), lexicon), os.path.join(FOLDER, lexicon))


def values(key):
    """Two that differ; the first is not the default."""
    default = documented()[key][0]
    if key in GIVEN:
        return GIVEN[key]
    if default in ("on", "off"):
        return ("off", "on") if default == "on" else ("on", "off")
    number = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", default)
    assert number, f"{key}: tests/security/settings.py needs two values for it"
    return tuple(f"{float(number[1]) * more + 1:.10g}{number[2]}" for more in (1, 2))


def conf(which, *keys, **instead):
    """A file's text with those settings (all) at their first or second value."""
    chosen = {key: values(key)[which] for key in keys or documented()}
    return "".join(f"{key} = {value}\n" for key, value in {**chosen, **instead}.items())
