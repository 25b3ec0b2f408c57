"""`leadflow up`, `leadflow materialize`, `leadflow doctor`: running the pipeline by hand and keeping it
running.

What belongs here: arguments, output, exit codes. What does not: processes (`supervise`), runs (`runs`),
diagnosis (`health`).

Dagster takes seconds to import, so each command imports what it needs when it runs: the others stay quick.
"""

from __future__ import annotations

import sys
import webbrowser
from datetime import datetime
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, error_console, fail, print_json, progress, table_of
from leadflow_pipeline.settings import get_settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Day = datetime | None
DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.command()(up)
    app.command()(materialize)
    app.command()(doctor)


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI, on 127.0.0.1.")] = 3000,
    service_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the HTTP service; else LEADFLOW_SERVICE_PORT, 8787."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the UI in a browser.")] = True,
) -> None:
    """Start the database, the Dagster UI and its daemon (schedules, sensors), and the HTTP service (API, webhooks).

    The service launches runs through this Dagster UI, unless LEADFLOW_DAGSTER_URL names another. Ctrl-C stops all.
    """
    from leadflow_pipeline.cli.supervise import (
        Service,
        Services,
        require_free_port,
        stop_signal,
        wait_until_answering,
    )
    from leadflow_pipeline.store import migrate
    from leadflow_pipeline.store.dagster_home import dagster_environment, shipped_file
    from leadflow_pipeline.store.engine import get_engine

    with stop_signal() as stop:
        settings = get_settings()
        if service_port:
            settings = settings.model_copy(update={"service_port": service_port})
        require_free_port(port)
        require_free_port(settings.service_port, settings.service_host, "--service-port")
        url, service_url = f"http://127.0.0.1:{port}", settings.service_url
        environment = dagster_environment() | {"LEADFLOW_SERVICE_PORT": str(settings.service_port)}
        if "dagster_url" not in settings.model_fields_set:
            environment["LEADFLOW_DAGSTER_URL"] = url
        migrate.upgrade(get_engine())
        logs, workspace = settings.home / "logs", str(shipped_file("workspace.yaml"))
        address = ["-h", "127.0.0.1", "-p", str(port)]
        lines = ["--log-format", "json"] if settings.log_format == "json" else []
        webserver = [sys.executable, "-m", "dagster_webserver", *address, "-w", workspace, *lines]
        daemon = [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace, *lines]
        services = Services(
            [
                Service("the Dagster webserver", webserver, logs / "webserver.log"),
                Service("the Dagster daemon", daemon, logs / "daemon.log"),
                Service(
                    "the HTTP service",
                    [sys.executable, "-m", "leadflow_pipeline.service"],
                    logs / "service.log",
                ),
            ],
            environment,
        )
        try:
            are_ready = (
                wait_until_answering(address, services, stop)
                for address in (f"{service_url}/health/ready", f"{url}/server_info")
            )
            if all(are_ready):
                typer.echo(f"Dagster UI  {url}\nHTTP API    {service_url}/docs")
                typer.echo(f"webhooks    {service_url}/webhooks/lead/CAMPAIGN")
                typer.echo(f"logs        {logs}\nemails      {where_emails_go()}")
                typer.echo("Ctrl-C stops everything.")
                if browser and sys.stdout.isatty():
                    webbrowser.open(url)
            while not stop.wait(0.5):
                services.check()
        finally:
            error_console.print("stopping ...")
            services.stop()


def where_emails_go() -> str:
    """Where messages leave to, in words."""
    settings = get_settings()
    if settings.transport == "smtp":
        return f"sent by {settings.smtp_host}:{settings.smtp_port}"
    return f"written to {settings.outbox_folder} as .eml files; none leaves this machine"


def materialize(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")],
    first: Annotated[Day, typer.Option("--from", help="First day; else the first due.", **DAY)] = None,
    last: Annotated[Day, typer.Option("--to", help="Last day; else yesterday (UTC).", **DAY)] = None,
    stage: Annotated[
        str | None, typer.Option(help="Only this stage: harvest, enrich, score, qualify, route or nurture.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Under this campaign version; else the latest.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION|none",
            help="Scored by this conversion model, or the rules alone; else by each day's champion.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute days of a campaign now, in one run. Sends nothing: emails leave by `leadflow dispatch`."""
    from leadflow_pipeline.cli.runs import choose_days, run_days
    from leadflow_pipeline.store.dagster_home import dagster_instance
    from leadflow_pipeline.store.engine import get_engine

    with dagster_instance() as instance, progress() as bar:
        partitions = choose_days(
            get_engine(), campaign, first.date() if first else None, last.date() if last else None
        )
        if partitions is None:
            if as_json:
                print_json({"campaign": campaign, "success": True, "rows": {}})
            else:
                typer.echo(f"{campaign} is up to date: no day is due")
            return
        task = bar.add_task(f"{campaign} {partitions.first_day} to {partitions.last_day}", total=None)
        report = run_days(
            instance,
            get_engine(),
            partitions,
            stage=stage,
            version=version,
            model=model,
            on_step=lambda done, total, step: bar.update(task, completed=done, total=total, description=step),
        )
    if as_json:
        print_json(report.to_dict())
    else:
        title = f"{campaign}, {report.first_day} to {report.last_day}"
        console.print(table_of(title, [{"table": name, "rows": rows} for name, rows in report.rows.items()]))
        for check in report.failed_checks:
            typer.echo(f"check failed: {check}", err=True)
    if not report.is_success:
        fail(f"run {report.run_id} failed: {'; '.join(report.failures)}")


def doctor(as_json: Json = False) -> None:
    """Say what is broken now, and how to mend it. Exit code 1 if anything is."""
    from leadflow_pipeline.insight.health.diagnosis import diagnose
    from leadflow_pipeline.insight.health.finding import State

    findings = diagnose()
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        for finding in findings:
            mark = MARKS[finding.state.value]
            console.print(f"{mark} {finding.subject}: {finding.sentence}", highlight=False, soft_wrap=True)
            if finding.remedy:
                console.print(f"        {finding.remedy}", highlight=False, soft_wrap=True)
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(1)


MARKS = {"well": "[green]well   [/]", "look": "[yellow]look   [/]", "broken": "[red]broken [/]"}
