"""`python -m masivo_stream` is `masivo-stream`."""

from masivo_stream.cli.main import main

if __name__ == "__main__":
    main()
