# Snakemake (9.27) takes the digest of an input once for every output of a job, and again in the next job that reads
# it (its issue 4240): hundreds of gigabytes for a study of hundreds of tubes. Once is enough while size and times stay.
import os

from snakemake.io import _IOFile

DIGESTS = {}


def once(take):
    async def checksum(file, *arguments, **named):
        try:
            found = os.stat(file.file)
        except OSError:  # in a storage, or not there
            return await take(file, *arguments, **named)
        key = (str(file.file), found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        key += (arguments, tuple(named.items()))
        if key not in DIGESTS:
            DIGESTS[key] = await take(file, *arguments, **named)
        return DIGESTS[key]

    return checksum


_IOFile.checksum = once(_IOFile.checksum)
