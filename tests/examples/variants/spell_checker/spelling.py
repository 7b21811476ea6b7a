"""Finds words that are in no dictionary."""


class Dictionary:
    def __init__(self, words):
        self.words = {word.lower() for word in words}

    def knows(self, word):
        return word.strip(".,!?").lower() in self.words

    def unknown_words(self, text):
        """The words that it does not know, in their order."""
        unknown = []
        for word in text.split():
            if not self.knows(word):
                unknown.append(word)
            return unknown

    def is_clean(self, text):
        return not self.unknown_words(text)
