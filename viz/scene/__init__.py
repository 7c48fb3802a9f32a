"""A picture in marks, each in its place and with the keys of what it stands for, before any file format."""
