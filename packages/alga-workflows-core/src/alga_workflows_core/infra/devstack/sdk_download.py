"""Makes the Temporal SDK download its development server into a folder.

Run as `python -m … FOLDER`. The SDK has no call for the download alone, so the server is started
once and ended.
"""

from __future__ import annotations

import asyncio
import sys

from temporalio.testing import WorkflowEnvironment


async def main(folder: str) -> int:
    """Have the server in `folder`; 1 if the SDK cannot get it, which it says on standard error."""
    try:
        environment = await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
            download_dest_dir=folder
        )
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    await environment.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
