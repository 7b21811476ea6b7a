"""Untrusted text in, values out. Nothing here reaches the disk, and nothing that comes in is believed."""
