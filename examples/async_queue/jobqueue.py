"""A queue of asynchronous jobs with a number of workers."""

import asyncio


class JobQueue:
    def __init__(self, workers=2):
        if workers < 1:
            raise ValueError("at least one worker")
        self.workers = workers
        self.done = {}
        self.failed = {}
        self._waiting = []

    def add(self, name, job, *arguments):
        """Remember a job: a coroutine function and its arguments."""
        if name in self.names():
            raise ValueError(f"there is a job {name!r} already")
        self._waiting.append((name, job, arguments))

    def names(self):
        return [name for name, _, _ in self._waiting]

    async def _work(self):
        while self._waiting:
            name, job, arguments = self._waiting.pop(0)
            try:
                self.done[name] = job(*arguments)
            except Exception as error:
                self.failed[name] = error

    async def run(self):
        """Run all jobs, also those that jobs add; say how many went well."""
        await asyncio.gather(*(self._work() for _ in range(self.workers)))
        return len(self.done)


def run(queue):
    """For programs without an event loop of their own."""
    return asyncio.run(queue.run())
