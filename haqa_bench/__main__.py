from haqa_bench.cli import main

main()
