"""Plugins by name, with aliases and a default."""


class UnknownPlugin(LookupError):
    """No plugin of this name, and no default."""


class Registry:
    def __init__(self, default=None):
        self.default = default
        self._plugins = {}
        self._aliases = {}
        self._order = []

    def register(self, name, *aliases):
        """A decorator that makes a function a plugin."""

        def remember(plugin):
            if name in self._plugins:
                raise ValueError(f"there is a plugin {name!r} already")
            self._plugins[name] = plugin
            self._order.append(name)
            for alias in aliases:
                self._aliases[alias] = name
            return plugin

        return remember

    def find(self, name):
        """The plugin of a name or an alias; otherwise the default."""
        try:
            return self._plugins[self._aliases.get(name, name)]
        except IndexError:
            if self.default is None:
                raise UnknownPlugin(name) from None
            return self.default

    def newest(self):
        """The name that was registered last, or None."""
        try:
            return self._order[-1]
        except IndexError:
            return None

    def names(self):
        return sorted(self._plugins)

    def call(self, name, *arguments):
        return self.find(name)(*arguments)
