"The command `prl`: what there is to say at once; the library is brought when it is needed."

import sys

HELP = """usage: prl COMMAND ...

  train NAME=VALUE ...   train a classifier on long-tailed images and measure it
  explore RUN            write the dial of a trained run as a page for a browser
  export RUN FILE        write a trained model as one ONNX file

prl COMMAND --help says more. A RUN is a folder, or a name under runs/ or reports/runs/."""


def main():
    given = sys.argv[1:]
    if not given or given[0] in ("-h", "--help", "help"):
        print(HELP)
        return
    from prl.study.shell import main

    main(given)


if __name__ == "__main__":
    main()
