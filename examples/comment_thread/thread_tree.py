"""Comments and the replies to them."""


class Comment:
    def __init__(self, author, text, replies=()):
        self.author = author
        self.text = text
        self.replies = list(replies)

    def reply(self, author, text):
        comment = Comment(author, text)
        self.replies.append(comment)
        return comment


def depth(comment):
    """How many comments stand below each other at most; 1 for a comment without replies."""
    return 1 + max(depth(reply) for reply in comment.replies)


def count(comment):
    """All comments of a discussion."""
    return 1 + sum(count(reply) for reply in comment.replies)


def authors(comment):
    """Who takes part, in the order of their first comment."""
    found = [comment.author]
    for reply in comment.replies:
        found += [author for author in authors(reply) if author not in found]
    return found


def outline(comment, indent=0):
    """The discussion as lines, replies further to the right."""
    lines = ["  " * indent + f"{comment.author}: {comment.text}"]
    for reply in comment.replies:
        lines += outline(reply, indent + 1)
    return lines


def find(comment, word):
    """The first comment with a word in it, or None."""
    if word in comment.text.split():
        return comment
    for reply in comment.replies:
        found = find(reply, word)
        if found is not None:
            return found
    return None
