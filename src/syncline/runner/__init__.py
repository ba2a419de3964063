"""Who runs a job: claims it, watches it, stops it in bounded time, and notices that its worker is dead.

lease   an exclusive lock that the operating system lets go of when its process dies
watch   a thread beside the job: heartbeat, stop flag, hard end
joblog  the lines a job leaves behind
inline  one attempt in this process
"""
