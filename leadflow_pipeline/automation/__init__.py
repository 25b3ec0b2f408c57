"""What runs by itself: jobs, schedules and sensors, a module for each thing that starts work.

What belongs here: when work starts, and that it is not started twice. What does not: what is due
(`store.due_days`, `delivery`), and what a step does.

Everything is switched on from the start: it reads and writes this database, and email leaves only where a
transport was configured (by default messages become files in the home folder).

Annotations are not postponed in these modules: Dagster reads them when it decorates.
"""

from leadflow_pipeline.automation.alerting import alert as alert
from leadflow_pipeline.automation.alerting import alert_schedule as alert_schedule
from leadflow_pipeline.automation.arrivals import import_landed_files as import_landed_files
from leadflow_pipeline.automation.arrivals import landing_folders as landing_folders
from leadflow_pipeline.automation.arrivals import register_campaigns as register_campaigns
from leadflow_pipeline.automation.daily import daily_pipeline as daily_pipeline
from leadflow_pipeline.automation.daily import daily_schedule as daily_schedule
from leadflow_pipeline.automation.handing_over import hand_over as hand_over
from leadflow_pipeline.automation.handing_over import hand_over_schedule as hand_over_schedule
from leadflow_pipeline.automation.judging import judge_hits as judge_hits
from leadflow_pipeline.automation.judging import judge_hits_schedule as judge_hits_schedule
from leadflow_pipeline.automation.listening import read_mail as read_mail
from leadflow_pipeline.automation.listening import read_mail_schedule as read_mail_schedule
from leadflow_pipeline.automation.reports import report_automation as report_automation
from leadflow_pipeline.automation.retaining import let_old_things_go as let_old_things_go
from leadflow_pipeline.automation.retaining import retention_schedule as retention_schedule
from leadflow_pipeline.automation.sending import dispatch as dispatch
from leadflow_pipeline.automation.sending import dispatch_schedule as dispatch_schedule
from leadflow_pipeline.automation.telling import tell_others as tell_others
from leadflow_pipeline.automation.telling import tell_others_schedule as tell_others_schedule
from leadflow_pipeline.automation.training import conversion_models as conversion_models
from leadflow_pipeline.automation.training import training_schedule as training_schedule
from leadflow_pipeline.automation.vendors import ask_vendors as ask_vendors
from leadflow_pipeline.automation.vendors import ask_vendors_schedule as ask_vendors_schedule
from leadflow_pipeline.automation.watching import latest_day_schedule as latest_day_schedule
from leadflow_pipeline.automation.watching import latest_day_watch as latest_day_watch
from leadflow_pipeline.automation.watching import record_failures as record_failures

JOBS = (
    daily_pipeline,
    import_landed_files,
    ask_vendors,
    hand_over,
    dispatch,
    tell_others,
    read_mail,
    judge_hits,
    conversion_models,
    latest_day_watch,
    alert,
    let_old_things_go,
)
SCHEDULES = (
    daily_schedule,
    ask_vendors_schedule,
    hand_over_schedule,
    dispatch_schedule,
    tell_others_schedule,
    read_mail_schedule,
    judge_hits_schedule,
    training_schedule,
    latest_day_schedule,
    alert_schedule,
    retention_schedule,
)
SENSORS = (register_campaigns, landing_folders, report_automation, record_failures)
