"""`python -m cli.drill`: the command alone, for an image that holds no other."""

from cli.drill.command import drill

if __name__ == "__main__":
    drill()
