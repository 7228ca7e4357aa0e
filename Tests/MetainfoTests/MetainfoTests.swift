// MetainfoTests
