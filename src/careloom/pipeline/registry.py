"""Things reached by name, imported only when asked for: pipelines, stages and adapters with heavy libraries."""

from importlib import import_module
from typing import Any

from careloom.errors import SetupError

REGISTRY: dict[str, str] = {
    "detector.azure": "careloom.deid.text_service_azure:team",
    "detector.presidio": "careloom.deid.text_presidio:team",
    "detector.classifier": "careloom.deid.text_classifier:team",
    "detector.rules": "careloom.deid.text_detectors:rules",
    "linker.nlp": "careloom.nlp.assembly:linker",
    "monitor.azure": "careloom.services.monitor_azure:send",
    "monitor.due": "careloom.services.monitor_jobs:queue_due",
    "monitor.retrain": "careloom.services.monitor_retrain:retrain",
    "monitor.tell": "careloom.services.monitor_tell:tell_due",
    "models.unable": "careloom.services.models_pin:unable",
    "monitor.numbers": "careloom.services.monitor_shown:numbers",
    "reader.nlp": "careloom.nlp.assembly:reader",
    "tagger.huggingface": "careloom.nlp.huggingface_torch:HuggingFaceTagger",
    "check.synthetic": "careloom.services.synthesize_check:problems",
    "job.audit-verify": "careloom.services.audit_events:do_verification",
    "job.annotate": "careloom.services.annotate_jobs:work_off",
    "job.deidentify": "careloom.services.deidentify_jobs:work_off",
    "job.erase": "careloom.services.erase_jobs:work_off",
    "job.duplicates": "careloom.services.duplicates_jobs:do_look",
    "job.lake-refresh": "careloom.services.lake_jobs:work_off",
    "job.linkage": "careloom.services.linkage_jobs:work_off",
    "job.models-pipeline": "careloom.services.models_pipeline:work_off",
    "job.models-taint": "careloom.services.models_taint:sweep",
    "job.models-mirror": "careloom.services.models_mirror:work_off",
    "job.monitor": "careloom.services.monitor_jobs:work_off",
    "job.normalize": "careloom.services.normalize_jobs:work_off",
    "job.synthesize": "careloom.services.synthesize_jobs:work_off",
    "job.synthesize-mend": "careloom.services.synthesize_mend:mend",
    "job.train-risk": "careloom.services.train_risk_jobs:do_training",
    "job.score-cohort": "careloom.services.score_cohort_jobs:work_off",
    "job.redrive": "careloom.services.redrives:work_off",
    "job.quality": "careloom.services.quality_jobs:do_look",
    "mlops.registry": "careloom.mlops.registry_mlflow:MlflowRegistry",
    "models.trainer.ner": "careloom.services.models_trainer_ner:TRAINER",
    "models.trainer.risk": "careloom.services.models_trainer_risk:TRAINER",
    "models.trainer.synthetic": "careloom.services.models_trainer_synthetic:TRAINER",
    "traces.azure": "careloom.services.traces_azure:sender",
    "train.encoder": "careloom.services.train_ner_torch:encoder",
    "train.ner": "careloom.services.train_ner_torch:ner",
    "train.smaller_ner": "careloom.services.train_ner_torch:smaller",
    "models.card.stale": "careloom.services.model_card:stale_fields",
    "risk.fit.lightgbm": "careloom.risk.models_lightgbm:fit_boosted",
    "risk.model.lightgbm": "careloom.risk.models_lightgbm:boosted",
    "risk.search": "careloom.risk.models_search_optuna:search",
    "risk.search.ask": "careloom.risk.models_search_optuna:Search",
    "risk.fit.sequence": "careloom.risk.models_sequence_torch:fit_sequence",
    "risk.model.sequence": "careloom.risk.models_sequence:sequence",
    "risk.recipe.lightgbm": "careloom.risk.models_lightgbm:Recipe",
    "risk.recipe.sequence": "careloom.risk.models_sequence_torch:Recipe",
    "retain.samples": "careloom.services.synthesize_discard:remove_unused",
    "synth.attack.boosting": "careloom.synth.privacy_membership_sklearn:by_boosting",
    "synth.cart": "careloom.synth.cart_sklearn:fit_cart",
    "synth.detect.boosting": "careloom.synth.detection_sklearn:by_boosting",
    "synth.detect.regression": "careloom.synth.detection_sklearn:by_regression",
    "synth.engine.autoregressive": "careloom.synth.engine_autoregressive_torch:maker",
    "synth.engine.diffusion": "careloom.synth.engine_diffusion_torch:maker",
    "synth.engine.gan": "careloom.synth.engine_gan_torch:maker",
    "synth.engine.marginals": "careloom.synth.engine_marginals:maker",
    "synth.engine.vae": "careloom.synth.engine_vae_torch:maker",
    "synth.modes": "careloom.synth.transforms_modes_sklearn:mixture",
    "synth.privacy": "careloom.synth.privacy_release_sklearn:measures",
    "synth.records.fit": "careloom.synth.records_torch:fit",
    "synth.records.load": "careloom.synth.records_torch:load",
    "synth.records.next_visit": "careloom.synth.records_visits_sklearn:judge_next_visit",
    "synth.records.fit_private": "careloom.synth.records_private_torch:fit_private",
    "synth.records.mechanisms": "careloom.synth.records_private_torch:mechanisms",
    "synth.records.private_course": "careloom.synth.records_private_torch:PrivateCourse",
    "synth.records.recipe": "careloom.synth.records_torch:Recipe",
    "synth.notes.gpt": "careloom.synth.notes_fit_torch:fit_notes",
    "synth.notes.ask": "careloom.synth.notes_fit_torch:NotesAsk",
    "synth.notes.training": "careloom.synth.notes_gpt_torch:Training",
    "synth.notes.private.ask": "careloom.synth.notes_private_torch:PrivateAsk",
    "synth.notes.gpt.load": "careloom.synth.notes_fit_torch:load_notes",
    "synth.notes.huggingface": "careloom.synth.notes_huggingface_torch:tune_notes",
    "synth.notes.private": "careloom.synth.notes_private_torch:fit_notes_privately",
    "synth.notes.labels": "careloom.synth.notes_ner_sklearn:labels_of",
    "synth.notes.utility": "careloom.synth.notes_ner_sklearn:utility",
    "synth.search": "careloom.synth.search_optuna:OptunaProposer",
    "synth.utility": "careloom.synth.utility_sklearn:judge_utility",
    "view.expressions": "careloom.services.view_columns:take",
    "ingest": "careloom.services.ingest_pipeline:build",
}
"""Name -> ``module:attribute``."""


def load(name: str) -> Any:
    """The object registered under `name`.

    raises  SetupError that lists the known names, or that says which extra is not installed
    """
    try:
        module, _, attribute = REGISTRY[name].partition(":")
    except KeyError:
        raise SetupError(f"registry: there is no {name}", f"Known names: {', '.join(sorted(REGISTRY))}.") from None
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise SetupError(
            f"registry: {name} needs the package {error.name}", "Install the extra of Careloom that brings it."
        ) from None
