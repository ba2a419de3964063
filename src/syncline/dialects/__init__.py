"""Other systems' words for our things, one folder for each system. They translate and decide nothing: what must be
decided lives in `service`. The server mounts them; they do not know it."""
