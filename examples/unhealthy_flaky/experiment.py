"""Experiments: half of the visitors see the new page, each of them always the same one."""

import hashlib
import secrets


def new_visitor():
    return secrets.token_hex(8)


def variant(experiment, visitor):
    digest = hashlib.sha256(f"{experiment}:{visitor}".encode()).digest()
    return "new" if digest[0] % 2 else "old"
