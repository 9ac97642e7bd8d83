"""Model families: everything that differs between architectures stands behind one seam."""

__all__: list[str] = []
