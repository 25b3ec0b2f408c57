"""The company names of leads, tidied once for each distinct name.

What belongs here: the columns of a frame of leads. What does not: spelling and legal forms (`company_names`).
"""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.company_names import LEGAL_FORMS as LEGAL_FORMS
from leadflow_pipeline.company_names import tidied
from leadflow_pipeline.enrich.distinct import for_each_distinct


def tidy_companies(companies: pd.Series) -> pd.DataFrame:
    """Columns `company` and `company_key`, as `company_names.tidied` makes them, indexed as `companies`."""
    return for_each_distinct(companies, tidied)
