"""Pure decisions: what must be done so that the index agrees with the source. No I/O, no clock, no store.

listing entry ─▶ decide.listed ─▶ keep | fetch ─▶ decide.content ─▶ insert | update | refresh
unseen rows   ─▶ guard         ─▶ delete | withhold
"""
