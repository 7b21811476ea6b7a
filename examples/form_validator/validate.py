"""Checks what was typed into a form: a table of fields, each with its rules."""


def required(value):
    return "" if value.strip() else "is missing"


def whole_number(value):
    return "" if value.strip().lstrip("-").isdigit() else "is no whole number"


def at_most(limit):
    def rule(value):
        return "" if len(value) <= limit else f"is longer than {limit} characters"

    return rule


def one_of(*choices):
    def rule(value):
        return "" if value in choices else f"is none of {', '.join(choices)}"

    return rule


class Form:
    def __init__(self, **rules):
        self.rules = rules

    def complaint(self, field, value):
        """What the first rule that is broken says, or nothing."""
        for rule in self.rules[field]:
            said = rule(value)
            if said:
                return said
        return ""

    def errors(self, values):
        """Field -> what is wrong with it, for all fields; a field that was not sent is empty."""
        found = {}
        for field in self.rules:
            said = self.complaint(field, values.get(field, ""))
            if said:
                found[field] = said
            return found

    def is_valid(self, values):
        return not self.errors(values)

    def unknown(self, values):
        return sorted(set(values) - set(self.rules))
