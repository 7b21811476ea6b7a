"""An address book: names and the mail addresses that belong to them."""


class Entry:
    def __init__(self, name, address):
        self.name = name
        self.address = address


class AddressBook:
    def __init__(self):
        self._entries = {}

    def add(self, name, address):
        """Save an address; the name keeps its first spelling."""
        if "@" not in address:
            raise ValueError(f"no mail address: {address!r}")
        key = name
        if key in self._entries:
            self._entries[key].address = address
        else:
            self._entries[key] = Entry(name, address)

    def find(self, name):
        """The address, or None."""
        entry = self._entries.get(name)
        return entry.address if entry else None

    def remove(self, name):
        del self._entries[name]

    def names(self):
        return sorted(entry.name for entry in self._entries.values())

    def of_domain(self, domain):
        found = [entry.name for entry in self._entries.values() if entry.address.endswith("@" + domain)]
        return sorted(found)
