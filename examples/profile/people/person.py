"""A person as the registration form gives it."""


class Person:
    def __init__(self, first, last, nickname=None, city=None):
        self.first = first
        self.last = last
        self.nickname = nickname
        self.city = city

    def full_name(self):
        return f"{self.first} {self.last}"

    def initials(self):
        return (self.first[:1] + self.last[:1]).upper()
