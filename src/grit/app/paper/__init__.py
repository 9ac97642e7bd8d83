"""The paper's experiments on the built-in world.

``experiments`` is `grit paper`; ``world`` says which trainings and questions there are, ``models``
trains and asks, ``analyses`` looks at chains, ``course`` keeps what was found, ``differences``
says how all of it parts from the paper.
"""

__all__: list[str] = []
