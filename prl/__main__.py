"The command `prl`: its words and their help; the library is brought when it is needed."

import sys
from contextlib import contextmanager
from inspect import Parameter, Signature
from typing import Annotated

import typer
from typer.core import TyperCommand

app = typer.Typer(
    help="Long-tailed image classification with a dial. A RUN is a folder, or a name under runs/.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda text: text.replace("-", "_"),  # --data-root is --data_root
    },
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
Run = Annotated[str, typer.Argument(help="folder or name of a trained run")]
Where = Annotated[
    str, typer.Option("--data_root", help="where its images are (usual: where they were)")
]


@contextmanager
def told():
    "What went wrong, without the way to it."
    try:
        yield
    except (OSError, ValueError, TypeError, ImportError) as error:
        sys.exit(str(error))


def fields():
    "The fields of `Config` as options, to be shown: what is given is read by `shell.arguments`."
    from prl.fit.help import listing

    def settings(**given):
        pass

    shown = {
        field.name: Annotated[
            str,
            typer.Option(
                f"--{field.name}",
                metavar=field.type,
                help=f"{field.about} (usual: {field.default})",
                rich_help_panel=field.part,
            ),
        ]
        for field in listing()
    }
    settings.__annotations__ = shown
    settings.__signature__ = Signature(
        [Parameter(k, Parameter.KEYWORD_ONLY, default=None, annotation=v) for k, v in shown.items()]
    )
    holder = typer.Typer(add_completion=False)
    holder.command()(settings)
    return [p for p in typer.main.get_command(holder).params if p.name != "help"]


class Settings(TyperCommand):
    "A command whose help and completion list the fields of `Config`, part by part."

    def format_help(self, ctx, formatter):
        self.params += fields()
        super().format_help(ctx, formatter)

    def shell_complete(self, ctx, incomplete):
        self.params += fields()
        return super().shell_complete(ctx, incomplete)


any_setting = dict(
    cls=Settings, context_settings={"ignore_unknown_options": True}, no_args_is_help=False
)
Given = Annotated[
    list[str], typer.Argument(metavar="[PATH] [NAME=VALUE]...", help="your images, then settings")
]


@app.command(**any_setting)
def check(given: Given = None):
    """Say what is in your images, before any training: classes, faults, the split, the cost.

    PATH is a folder or a table. Settings are given as NAME=VALUE or --NAME VALUE.

    \b
    prl check photos/
    prl check images.csv label_column=species
    """
    from prl.study import shell

    with told():
        shell.check(given or [])


@app.command(**any_setting)
def train(given: Given = None):
    """Train a classifier, measure it and leave its record under `runs`.

    PATH is your own images, a folder or a table; without it dataset=NAME chooses.
    A run that was stopped goes on, a finished one is only measured again.
    Settings, as NAME=VALUE or --NAME VALUE, are those of the data and the method if left out.

    \b
    prl train photos/
    prl train images.csv label_column=species epochs=30
    prl train dataset=cifar100 method=dial budget=quick
    """
    from prl.study import shell

    with told():
        shell.train(given or [])


@app.command()
def predict(
    run: Run,
    images: Annotated[
        list[str], typer.Argument(help="files, folders, patterns, or a table of paths")
    ],
    preference: Annotated[
        str,
        typer.Option(help='"head", "mostly tail", ".2,.3,.5", "adapt": found (usual: balanced)'),
    ] = None,
    csv: Annotated[str, typer.Option(help="table to write (usual: it is printed)")] = None,
    top: Annotated[int, typer.Option(help="classes to name, the likeliest first")] = 3,
    sure: Annotated[
        float, typer.Option(help='probability below which the answer is "unsure"')
    ] = 0.0,
    coverage: Annotated[
        float, typer.Option(help="of prediction sets, 0.9: how often they hold the true class")
    ] = None,
    goal: Annotated[
        str, typer.Option(help="file of a goal that was met, of prl goal: goal.json")
    ] = None,
    column: Annotated[
        str, typer.Option(help='of a table, with the paths, or a pattern: "images/{id}.jpg"')
    ] = None,
    data_root: Where = None,
):
    """Label photographs with a trained run.

    --preference adapt finds the preference that the photographs call for, in all of them at once.

    \b
    prl predict photos-prl_offset-s0 photos/
    prl predict photos-prl_offset-s0 "new/*.jpg" --preference "mostly tail" --csv out.csv
    prl predict photos-prl_offset-s0 table.csv --column file --sure 0.6 --coverage 0.9
    prl predict photos-prl_offset-s0 photos/ --goal goal.json
    """
    from prl.study import shell

    with told():
        shell.predict(
            run,
            images,
            preference,
            csv,
            top=top,
            sure=sure,
            coverage=coverage,
            goal=goal,
            column=column,
            data_root=data_root,
        )


@app.command()
def add(
    run: Run,
    name: Annotated[str, typer.Argument(help="of the new class")],
    images: Annotated[
        list[str], typer.Argument(help="of it: files, folders, patterns, or a table of paths")
    ],
    epochs: Annotated[
        int, typer.Option(help="that the heads are trained afterwards (usual: none)")
    ] = 0,
    column: Annotated[str, typer.Option(help="of a table, with the paths")] = "image",
    data_root: Where = None,
):
    """Give a trained run one class more, from a few photographs, without training it again.

    What comes of it is a run beside it, which predict, explore, goal and export read.
    A share of the photographs is kept to measure, as of the run's own.

    \b
    prl add photos-prl_offset-s0 Scarf scarves/
    prl add photos-prl_offset-s0 Scarf scarves/ --epochs 10
    """
    from prl.study import shell

    with told():
        shell.add(run, name, images, epochs=epochs, column=column, data_root=data_root)


@app.command()
def explore(
    run: Run,
    page: Annotated[str, typer.Option(help="to write (usual: dial.html in its folder)")] = None,
    data_root: Where = None,
    pictures: Annotated[bool, typer.Option(help="show some of its test images")] = True,
):
    """Write the dial of a run as a page for a browser; its method follows a preference.

    \b
    prl explore photos-prl_offset-s0
    prl explore digits-ir50-prl-s0 --page dial.html
    """
    from prl.study import shell

    with told():
        shell.explore(run, page, data_root, pictures)


@app.command()
def goal(
    run: Annotated[
        str, typer.Argument(help="folder or name of a run; or logits of any model, .npz")
    ],
    bounds: Annotated[
        list[str],
        typer.Argument(
            help='such as "recall of Blouse >= 80%" or "best balanced"; several at once '
            "(usual: best macro-F1)"
        ),
    ] = None,
    best: Annotated[
        str, typer.Option(help="of what keeps them: balanced, macro-F1, recall of X, worst group")
    ] = None,
    cost: Annotated[
        str, typer.Option(help="table (.csv) of what each answer costs, by class names")
    ] = None,
    save: Annotated[str, typer.Option(help="rule to write (usual: goal.json of the run)")] = None,
    data_root: Where = None,
):
    """Find the preference, offsets and threshold that serve a goal, and what they cost.

    recall of X, precision of X, answers of X, unsure, overall, balanced, macro-F1, cost;
    X is a class, head, medium, tail, all or "each class". Unmet goals end with status 1.

    \b
    prl goal photos-prl_offset-s0 "recall of Blouse >= 80%" "unsure <= 5%" --best balanced
    prl goal digits-ir50-prl-s0 "recall of tail >= 60%"
    prl goal logits.npz "precision of 3 >= 95%" --cost costs.csv
    """
    from prl.study import shell

    with told():
        met = shell.goal(run, bounds or [], best, cost, save, data_root)
    sys.exit(not met)


@app.command()
def elicit(
    run: Run,
    questions: Annotated[int, typer.Option(help="at most")] = 8,
    data_root: Where = None,
):
    """Find your preference by a few questions: A or B, which would you rather have?

    Answer A, B, or Enter if you cannot say. It prints the preference, what it says of your costs,
    and the line of prl predict that uses it.

    \b
    prl elicit photos-prl_offset-s0
    prl elicit digits-ir50-prl-s0 --questions 5
    """
    from prl.study.elicit import ask

    with told():
        ask(run, questions, data_root)


@app.command()
def export(
    run: Run,
    file: Annotated[str, typer.Argument(help="such as model.onnx")],
    preference: Annotated[
        str, typer.Option(help='"head", "mostly tail", ".2,.3,.5"; usual: it stays an input')
    ] = None,
    image_size: Annotated[int, typer.Option("--image_size", help="pixels")] = None,
):
    """Write a trained model as one ONNX file.

    \b
    prl export digits-ir50-prl-s0 model.onnx
    prl export digits-ir50-prl-s0 rare.onnx --preference "mostly tail"
    """
    from prl.study import shell

    with told():
        shell.export(run, file, preference, image_size)


@app.command(context_settings={"ignore_unknown_options": True})
def report(
    notebook: Annotated[str, typer.Argument(help="train, compare, control, ...")],
    file: Annotated[str, typer.Argument(help="such as out.ipynb")],
    given: Annotated[
        list[str], typer.Argument(metavar="[NAME=VALUE]...", help="its parameters")
    ] = None,
):
    """Run one of the notebooks of the study with parameters (needs the extra `report`).

    \b
    prl report train out.ipynb dataset=folder data_root=photos
    prl report compare out.ipynb epochs=2
    """
    from prl.study import shell

    with told():
        shell.report(notebook, file, given or [])


@app.command(context_settings={"ignore_unknown_options": True})
def study(
    what: Annotated[str, typer.Argument(help="state, go or bring")] = "state",
    given: Annotated[
        list[str], typer.Argument(metavar="[NAME=VALUE]...", help="of this machine, and parts")
    ] = None,
):
    """Say how far the study's long runs are, keep them going, or bring them together.

    go trains what is left, one run after the other, until a signal stops it.
    The same command goes on where it was. bring copies finished records.
    Settings are of the machine: data_root, runs, threads, device.
    together=8 trains eight at once, on a GPU. parts=calibration takes a part.

    \b
    prl study
    prl study go threads=2 data_root=data
    prl study bring
    """
    from prl.study import shell

    with told():
        status = shell.study(what, given or [])
    sys.exit(status)


def main():
    app(prog_name="prl")


if __name__ == "__main__":
    main()
