"""The order of the gallery."""

ORDER = (
    # first steps
    "old_faithful",
    "two_normals",
    "comparison",
    # EM in class
    "bounds",
    "restarts",
    "saddle",
    "incremental",
    "free_energy",
    "linkage",
    "kmeans_limit",
    "classification_em",
    # choices
    "structures",
    "fourteen_structures",
    "model_selection",
    "mixture_search",
    "merging",
    "inference",
    "variational",
    # data as they come
    "missing",
    "outliers_student",
    "labels",
    "many_features",
    "digits",
    "density_calculus",
    "supervised",
    # other models
    "latent_classes",
    "two_lines",
    "censored_lifetimes",
    "own_model",
    "own_hidden_markov",
)


class Order:
    """A key to sort scripts by; those that are not listed come last, by name."""

    def __init__(self, folder):
        self._places = {f"plot_{name}.py": place for place, name in enumerate(ORDER)}

    def __call__(self, script):
        return f"{self._places.get(script, len(self._places)):03} {script}"
