// ArgumentParsingTests
