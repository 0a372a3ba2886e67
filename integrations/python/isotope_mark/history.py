"""Which positions of a text are marked."""


class History:
    """Follows one text: its prompt, then each token that was accepted."""

    def __init__(self, mark, prompt=()):
        self.mark = mark
        self._ids = []
        self._seen = set()
        self._own = 0  # ids of the text itself
        if mark.profile.prompt_context:
            for t in prompt:
                self.accept(t)
            self._own = 0

    def context(self):
        """Returns the context of the next position."""
        return self.mark.context(self._ids)

    def marked(self):
        """Whether the next position carries the mark.

        Its context is new, if the profile asks for that, and in the band. With "marked": "scored" the context is part of
        the text itself, and has ids of the vocabulary alone: no test scores another position.
        """
        context = self.context()
        p = self.mark.profile
        if p.marked == "scored" and (self._own < p.width or any(t >= p.vocab for t in context)):
            return False
        if self.mark.profile.mask == "context" and context in self._seen:
            return False
        return self.mark.in_band(context)

    def accept(self, token):
        """Appends a token to the text."""
        if self.mark.profile.mask == "context":
            self._seen.add(self.context())
        self._ids.append(int(token))
        self._own += 1
        k = self.mark.profile.width
        if len(self._ids) > 4 * k + 64:
            del self._ids[:len(self._ids) - max(k, 1)]

    def fork(self):
        """Returns a copy that goes its own way."""
        other = History(self.mark)
        other._ids, other._seen = list(self._ids), set(self._seen)
        other._own = self._own
        return other
