"""An event bus: who is interested subscribes to a topic, and is called for every event of it."""

ANY = "*"


class Bus:
    def __init__(self):
        self._listeners = {}
        self.published = 0

    def subscribe(self, topic, listener):
        """Call listener for every event of the topic; what is returned ends it."""
        self._listeners.setdefault(topic, []).append(listener)

        def unsubscribe():
            if listener in self._listeners.get(topic, []):
                self._listeners[topic].remove(listener)

        return unsubscribe

    def once(self, topic, listener):
        """Call listener for the next event only."""

        def only_once(event):
            unsubscribe()
            listener(event)

        unsubscribe = self.subscribe(topic, only_once)
        return unsubscribe

    def publish(self, topic, event):
        """Call everybody who listens now; say how many that were."""
        self.published += 1
        called = 0
        for name in (topic, ANY):
            for listener in self._listeners.get(name, []):
                listener(event)
                called += 1
        return called

    def count(self, topic):
        return len(self._listeners.get(topic, []))
