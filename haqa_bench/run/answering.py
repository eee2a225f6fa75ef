"""Who answers a study's LLM: its recording, or an endpoint, which is recorded."""

from collections.abc import Mapping, Sequence

from haqa_bench import __version__, registry
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.llm import cassette as cassettes
from haqa_bench.llm import recording
from haqa_bench.llm.endpoint import key_variable
from haqa_bench.llm.sections import Sections
from haqa_bench.protocols import ChatModel
from haqa_bench.run import forking, proposing
from haqa_bench.run.plan import Plan
from haqa_bench.study import Chat, Study
from haqa_bench.trial import Trial


def chat_model(plan: Plan, study: Study, trials: Sequence[Trial]) -> ChatModel:
    """What answers a study that goes on after `trials`: a recording, or an endpoint that is
    recorded.

    Raises:
        HaqaError: the recording is missing, or cannot go on.
        PluginFailed: a plug-in's chat model cannot be made.
    """
    if plan.agent == "cassette":
        return forking.replaying(plan, study)
    models = {name: _live(plan, chat) for name, chat in study.method.sections.items()}
    at = {name: recording.endpoint_of(model) for name, model in models.items()}
    card = _card(plan, study) | {"endpoint": at.pop("")} | ({"endpoints": at} if at else {})
    card |= _commands(models)
    card |= {"fork": fork} if (fork := forking.card(plan, study)) else {}
    live = Sections(models) if at else models[""]
    return recording.RecordingChatModel(live, plan.cassette(study), card, asked(study, trials))


def _live(plan: Plan, section: Chat) -> ChatModel:
    """What answers one of a method's sections: its own endpoint or program, or else the command
    line's.
    """
    if section.command or (plan.programs.command and not section.base_url):
        return _program(plan, section)
    return proposing.live_chat(
        plan.chat_model,
        section.base_url or plan.base_url,
        plan.chat_timeout_s,
        plan.chat_retries,
        plan.chat_deadline_s,
        key_variable(section.base_url, plan.base_url),
    )


def _program(plan: Plan, section: Chat) -> ChatModel:
    from haqa_bench.llm.program import Command, Program  # which imports a client

    told = plan.programs
    command = Command(told.command, told.question)
    if section.command:
        command = Command(section.command, section.question, told.beside)
    bounds = (plan.chat_timeout_s, plan.chat_retries, plan.chat_deadline_s)
    return Program(command, *bounds, told.passed)


def _commands(models: Mapping[str, ChatModel]) -> dict[str, object]:
    """What a card says of programs: `command` is the `chat:` section's, `commands` are others'."""
    found = {n: said for n, model in models.items() if (said := getattr(model, "said", None))}
    own = {"command": found.pop("")} if "" in found else {}
    return own | ({"commands": found} if found else {})


def answered_by(plan: Plan, study: Study, chat: ChatModel | None) -> str:
    """Who answers a study, as whoever called said it; empty where no LLM is asked."""
    if study.method.chat is None:
        return ""
    if isinstance(chat, cassettes.ReplayChatModel):
        return str(chat.cassette.card["answered_by"])
    return plan.answered_by or "not stated"


def _card(plan: Plan, study: Study) -> dict[str, object]:
    live = plan.measure == "live"
    measured = "live" if live else sha256(read_bytes(plan.recording(study.cell)))
    return {
        "study": study.id,
        "run": plan.run,
        "fresh": plan.fresh,
        "answered_by": plan.answered_by or "not stated",
        "method": study.method.model_dump(mode="json", exclude={"templates"}),
        "templates": _templates(plan, study),
        "plugin": plugin.identity if (plugin := registry.plugin(study.method)) else None,
        "space_sha256": sha256(study.cell.space.model_dump(mode="json")),
        "measurements_sha256": measured,
        "haqa_bench": __version__,
    }


def _templates(plan: Plan, study: Study) -> dict[str, str]:
    """The hashes of the templates that a study's agent fills, its method's own before the
    project's. Of a plug-in's, whose words are its own, those of its method alone.
    """
    from haqa_bench.optimizers.agent import styles, templates

    own = {name: sha256(text.encode()) for name, text in study.method.templates.items()}
    if registry.plugin(study.method):
        return own
    at_once = study.method.optimizer == "haqa-zero-shot"
    prompts = styles.prompts(study, plan.places.prompts)
    used = templates.used(prompts, study.cell, at_once)
    known = {**plan.suite.templates, **own}
    return {name: digest for name, digest in sorted(known.items()) if name in used}


def closed(chat: ChatModel | None) -> str:
    """Ends a study's chat model, and says what is worth telling."""
    if isinstance(chat, recording.RecordingChatModel):
        chat.finish()
        return f"recorded {chat.target}"
    if isinstance(chat, cassettes.ReplayChatModel):
        unused, drifted = chat.unused(), chat.drifted
        told = [f"{len(unused)} recorded exchanges were not asked for"] if unused else []
        rounds = ", ".join(str(position.round) for position in drifted)
        told += (
            [
                f"{len(drifted)} of {len(chat.asked)} prompts differ from the recording "
                f"(measured anew; rounds {rounds})"
            ]
            if drifted
            else []
        )
        return "; ".join(told)
    return ""


def asked(study: Study, trials: Sequence[Trial]) -> list[int]:
    """The rounds in which the LLM of a study was asked; those before were another's."""
    return [t.number for t in trials if t.usage is not None and t.number >= study.begins]
