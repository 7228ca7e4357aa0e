import Glibc
import Testing

@testable import Logging

@Suite struct LogTests {
  private let time = LogTime(unix: 1_767_323_045_678, monotonic: 0)

  private func line(_ format: Log.Format, _ fields: [LogField], priorities: Bool = false) -> String {
    String(
      decoding: LineFormat(format: format, hasPriorities: priorities).bytes(.warning, "seen", fields, time),
      as: UTF8.self)
  }

  @Test func linesHaveTimeLevelEventAndFields() {
    let fields = [LogField("peer", "[::1]:1"), LogField("n", 3), LogField("ok", true), LogField("x", 1.5)]
    #expect(
      line(.logfmt, fields)
        == "time=2026-01-02T03:04:05.678Z level=warning event=seen peer=[::1]:1 n=3 ok=true x=1.5\n")
    #expect(
      line(.json, fields, priorities: true)
        == "<4>{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"event\":\"seen\","
        + "\"peer\":\"[::1]:1\",\"n\":3,\"ok\":true,\"x\":1.5}\n")
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
  ])
  func timesAreCalendarTimes(unix: Int64, text: String) {
    #expect(LogTime(unix: unix, monotonic: 0).text == text)
  }

  @Test(arguments: [
    ("a b", "\"a b\""), ("", "\"\""), ("a=b", "\"a=b\""), ("a\"b\\", "\"a\\\"b\\\\\""),
    ("x\nlevel=error", "\"x\\nlevel=error\""), ("\u{1b}[31m", "\"\\u001b[31m\""),
    ("\u{202e}evil", "\"\\u202eevil\""), ("\u{9b}2J", "\"\\u009b2J\""), ("é🐦", "\"é🐦\""),
    ("\u{e0041}", "\"\\udb40\\udc41\""), ("\u{2028}", "\"\\u2028\""),
  ])
  func whatStrangersSentIsEscaped(text: String, shown: String) {
    #expect(line(.logfmt, [LogField("t", text)]).hasSuffix(" t=\(shown)\n"))
    #expect(line(.json, [LogField("t", text)]).hasSuffix(",\"t\":\(shown)}\n"))
  }

  @Test func longTextsAreCut() {
    let shown = line(.logfmt, [LogField("t", String(repeating: "a", count: 5000))])
    #expect(shown.utf8.count < 1200)
    #expect(shown.hasSuffix("aaa…\"\n"))
  }

  @Test func repeatsAreCountedInsteadOfWritten() {
    var limits = RepeatLimits()
    let passed = (0..<25).map { limits.pass("a", .info, now: Int64($0)).passes }
    #expect(passed == (0..<25).map { $0 < 10 })
    #expect(limits.pass("b", .info, now: 1).passes)
    #expect(limits.overdue(now: 9_999, atOnce: false).isEmpty)
    let next = limits.pass("a", .info, now: 10_000)
    #expect(next.passes && next.leftOut == 15)
    for now in 0..<12 { _ = limits.pass("c", .error, now: Int64(now)) }
    #expect(limits.overdue(now: 10_000, atOnce: false) == [.init(event: "c", level: .error, count: 2)])
    #expect(limits.overdue(now: 10_000, atOnce: true).isEmpty)
  }

  @Test func theQueueIsBounded() {
    var queue = LineQueue()
    let outcomes = (0..<5000).map { _ in queue.add([1]).isAdded }
    #expect(outcomes.filter { $0 }.count == LineQueue.maximumLines)
    #expect(queue.takeAll().count == LineQueue.maximumLines)
    #expect(queue.add([UInt8](repeating: 1, count: LineQueue.maximumBytes + 1)).isAdded == false)
    #expect(queue.add([2]) == (true, true))
  }

  @Test func linesReachTheFileAndAreWholeAfterItIsRenamed() throws {
    let path = "/tmp/apus-log-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer {
      unlink(path)
      unlink(path + ".1")
    }
    let log = try Log(path: path, format: .logfmt, level: .info)
    log.info("first")
    log.debug("hidden")
    log.level = .debug
    while log.lines < 1 { usleep(1000) }
    #expect(rename(path, path + ".1") == 0)
    log.reopen()
    while access(path, F_OK) != 0 { usleep(1000) }
    log.debug("second", [LogField("n", 2)])
    log.close()
    log.error("late")
    #expect(contents(path + ".1").hasSuffix("level=info event=first\n"))
    #expect(contents(path).hasSuffix("level=debug event=second n=2\n"))
    #expect(log.lines == 2 && log.dropped == 1)
  }

  @Test func aFileThatCannotBeOpenedIsAnError() {
    #expect(throws: LogError.self) { try Log(path: "/nonexistent/log") }
  }

  @Test func loggingNeverWaitsForAReader() throws {
    let path = "/tmp/apus-fifo-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    #expect(mkfifo(path, 0o600) == 0)
    defer { unlink(path) }
    // A pipe that nobody reads, small enough to be full at once.
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let log = try Log(path: path, format: .json, level: .debug)
    let text = String(repeating: "x", count: 1000)
    let names: [StaticString] = ["a", "b", "c", "d", "e", "f", "g", "h"]
    var start = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    for round in 0..<10 {
      for name in names { for _ in 0..<10 { log.info(name, [LogField("t", text), LogField("n", round)]) } }
    }
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    #expect(end.tv_sec - start.tv_sec < 2)
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var closing = false
    _ = fcntl(reader, F_SETFL, 0)
    // Read the rest, so that the log can end.
    let thread = try #require(drain(reader))
    log.close()
    closing = true
    pthread_join(thread, nil)
    #expect(closing && log.lines > 0)
    _ = read(reader, &chunk, 0)
  }

  private func drain(_ descriptor: Int32) -> pthread_t? {
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        let descriptor = Int32(Int(bitPattern: argument))
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var total = 0
        // 80 lines of a kilobyte pass the limit of repeats, whatever the timing.
        while total < 80 * 1000 {
          let count = read(descriptor, &chunk, chunk.count)
          guard count > 0 else { break }
          total += count
        }
        return nil
      }, UnsafeMutableRawPointer(bitPattern: Int(descriptor)))
    return result == 0 ? thread : nil
  }

  private func contents(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
