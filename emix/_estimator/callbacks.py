"""``sklearn.callback`` where scikit-learn has it (1.9 and newer); nothing where it has not."""

from __future__ import annotations

from collections.abc import Callable

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's mixin; there are no callbacks to support."""

    def with_callbacks(method: Callable) -> Callable:
        return method


class FitTasks:
    """The task tree fit -> init -> iteration that callbacks are told of.

    Without callbacks every method is an attribute test and nothing else.
    """

    def __init__(self, estimator, X, metadata, n_init, max_iter):
        self._estimator, self._X, self._metadata = estimator, X, metadata
        self._max_iter = max_iter
        self._root = self._init = None
        if hasattr(estimator, "_skl_callbacks"):
            self._root = estimator._init_callback_context(max_subtasks=n_init)
            self._root.call_on_fit_task_begin(estimator=estimator, X=X, metadata=metadata)

    @property
    def active(self) -> bool:
        return self._root is not None

    def begin_init(self, index: int) -> None:
        if self.active:
            if self._root.max_subtasks is not None and index >= self._root.max_subtasks:
                self._root.max_subtasks = None  # further starts in place of collapsed ones
            self._init = self._root.subcontext("init", max_subtasks=self._max_iter)
            self._init.call_on_fit_task_begin(estimator=self._estimator, X=self._X)

    def iteration(self, attributes: Callable[[], dict]) -> bool:
        """Tells of an iteration; True if a callback asks to stop."""
        if not self.active:
            return False
        task = self._init.subcontext("iteration")
        told = {"estimator": self._estimator, "X": self._X, "metadata": self._metadata}
        task.call_on_fit_task_begin(**told)
        return task.call_on_fit_task_end(**told, reconstruction_attributes=attributes)

    def end_init(self) -> None:
        if self.active:
            self._init.call_on_fit_task_end(estimator=self._estimator, X=self._X)

    def end(self, attributes: Callable[[], dict]) -> None:
        if self.active:
            self._root.call_on_fit_task_end(
                estimator=self._estimator,
                X=self._X,
                metadata=self._metadata,
                reconstruction_attributes=attributes,
            )


class StepTasks:
    """The task tree fit -> step of an estimator that is told of its steps as they end."""

    def __init__(self, estimator, X, metadata, n_steps):
        self._told = {"estimator": estimator, "X": X, "metadata": metadata}
        self._root = None
        if hasattr(estimator, "_skl_callbacks"):
            self._root = estimator._init_callback_context(max_subtasks=n_steps)
            self._root.call_on_fit_task_begin(**self._told)

    def step(self, name: str) -> bool:
        """Tells of a step; True if a callback asks to stop."""
        if self._root is None:
            return False
        task = self._root.subcontext(name)
        task.call_on_fit_task_begin(**self._told)
        return task.call_on_fit_task_end(**self._told)

    def end(self, attributes: Callable[[], dict]) -> None:
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._told, reconstruction_attributes=attributes)
