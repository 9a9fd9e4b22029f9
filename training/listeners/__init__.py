"""Who listens to the voice: networks and measures that others made, from PyPI, each a file of its own. None learned from our teachers.

    words.py      what was meant against what was heard: word errors, toneless syllable errors
    whisper.py    Whisper base and tiny.en write down what they hear
    quality.py    DNSMOS says how good it sounds
    likeness.py   resemblyzer says who it sounds like
    loudness.py   LUFS and true peak
    pitch.py      SwiftF0 says how high it is
    people.py     recordings of real people, to measure clones with
    memory.py     what a listener said of a sound, kept for the next run
    sound.py      what all of them need: one channel at a rate
"""
