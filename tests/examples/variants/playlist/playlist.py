"""Playlists."""


class Playlist:
    def __init__(self, title, songs=[]):
        self.title = title
        self.songs = songs
        self.position = 0

    def add(self, song):
        self.songs.append(song)

    def current(self):
        """The song that plays, or None."""
        return self.songs[self.position] if self.songs else None

    def skip(self):
        """Go on; behind the last song comes the first."""
        if self.songs:
            self.position = (self.position + 1) % len(self.songs)
        return self.current()
