"""How far a running batch is, for whoever looks at it in Temporal's UI."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import Bookkeeping
    from workflows import options
    from workflows.picture import Picture
    from workflows.shards import Shards


async def show_progress(picture: Picture, shards: Shards) -> None:
    """Show the sum of the chunks' reports until cancelled, less and less often."""
    pause = options.FIRST_LOOK
    while True:
        await workflow.sleep(pause, summary="until the next look at the progress")
        report = await workflow.execute_activity_method(
            Bookkeeping.read_progress,
            args=(picture.batch_id, picture.events.steps),
            **options.row("how far the lines are"),
        )
        picture.show(report, shards_done=shards.done, shards=shards.total)
        pause = min(pause * options.LOOK_GROWTH, options.LONGEST_LOOK)
