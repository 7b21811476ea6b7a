"""Settings in layers: defaults, then files of "key = value" lines, then overrides. Later layers win."""


class BadLine(ValueError):
    """A line that is no setting; the message has its number."""


WORDS = {"true": True, "false": False, "none": None}


def value_of(text):
    """true, false and none, whole numbers, or text with or without quotes."""
    text = text.strip()
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if text.lstrip("-").isdigit():
        return int(text)
    return text.strip("\"'")


def parse(text):
    """The settings of a file; # begins a comment, [section] a prefix."""
    settings = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("[") and line.endswith("]"):
            prefix = line[1:-1].strip() + "."
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise BadLine(f"line {number} has no =")
        settings[prefix + key.strip()] = value_of(value)
    return settings


class Config:
    def __init__(self, defaults, *layers):
        self.defaults = dict(defaults)
        self.layers = list(layers)

    def get(self, key):
        """The value of the last layer that has one; none stands for no value."""
        for layer in reversed(self.layers):
            value = layer.get(key)
            if value:
                return value
        return self.defaults[key]

    def known(self):
        return sorted({*self.defaults, *(key for layer in self.layers for key in layer)})
