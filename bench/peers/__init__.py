"""Drivers of the Python peers. Each runs in its own virtual environment, as

    python -m bench.peers.NAME run TREE STATE      one sync; prints {"inner_s": seconds without start-up}
    python -m bench.peers.NAME count "" STATE      prints the counts of what is stored (bench.markers)

A driver uses the library as its documentation shows it, stores whole texts, and computes no embedding worth the name.
"""
