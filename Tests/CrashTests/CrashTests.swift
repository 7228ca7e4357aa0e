// CrashTests
