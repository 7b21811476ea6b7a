import pytest

from thread_tree import Comment, authors, count, depth, find, outline


@pytest.fixture
def talk():
    talk = Comment("ann", "who is in")
    bob = talk.reply("bob", "me")
    bob.reply("ann", "good")
    talk.reply("cid", "not me")
    return talk


def test_count(talk):
    assert count(talk) == 4


def test_count_of_one():
    assert count(Comment("ann", "hello")) == 1


def test_authors(talk):
    assert authors(talk) == ["ann", "bob", "cid"]


def test_outline(talk):
    assert outline(talk) == ["ann: who is in", "  bob: me", "    ann: good", "  cid: not me"]


def test_find(talk):
    assert find(talk, "good").author == "ann"
    assert find(talk, "me").author == "bob"


def test_find_nothing(talk):
    assert find(talk, "lunch") is None


def test_reply_is_added():
    comment = Comment("ann", "hello")
    reply = comment.reply("bob", "hi")
    assert comment.replies == [reply]


def test_depth_of_one_comment():
    assert depth(Comment("ann", "hello")) == 1


def test_depth(talk):
    assert depth(talk) == 3


def test_depth_of_a_chain():
    comment = Comment("ann", "0")
    last = comment
    for number in range(1, 6):
        last = last.reply("ann", str(number))
    assert depth(comment) == 6


def test_replies_can_be_given():
    assert count(Comment("ann", "a", [Comment("bob", "b")])) == 2


def test_given_replies_are_copied():
    replies = [Comment("bob", "b")]
    Comment("ann", "a", replies).reply("cid", "c")
    assert len(replies) == 1
