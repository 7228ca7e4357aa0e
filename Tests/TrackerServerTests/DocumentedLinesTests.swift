import Addresses
import Foundation
import TestSupport
import Testing
import TrackerServer

/// The lines that docs/EXTENSIONS.md gives for the messages of older systems.
@Suite("Lines of docs/EXTENSIONS.md")
struct DocumentedLinesTests {
  private struct Row {
    let messages: [String]
    let line: String
    let fragment: String
  }

  private func document() throws -> String {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: root.appendingPathComponent("docs/EXTENSIONS.md"), encoding: .utf8)
  }

  /// The rows of the table whose fourth column is a line for the shell.
  private func rows(_ text: String) -> [Row] {
    text.split(separator: "\n").compactMap { row in
      let columns = row.components(separatedBy: " | ")
      guard columns.count == 5, columns[3].hasPrefix("`curl ") else { return nil }
      func bare(_ text: String) -> String {
        text.trimmingCharacters(in: CharacterSet(charactersIn: "| `"))
      }
      return Row(
        messages: columns[0].components(separatedBy: ",").map(bare), line: bare(columns[3]),
        fragment: bare(columns[4]))
    }
  }

  @Test("Every message of the older systems has its counterpart, and every line does what it says")
  func lines() async throws {
    let text = try document()
    let rows = rows(text)
    #expect(
      Set(rows.flatMap(\.messages)) == [
        "discovery", "bye", "update", "fetch", "tfm", "REGISTER", "OWN", "NEED", "UPDATE", "EXIT", "Update",
        "Query", "Test", "get_torrent_list", "seed_torrent_list", "get_seeder_list",
      ])
    var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)])
    configuration.adminToken = "secret"
    let tracker = try Tracker(configuration)
    defer { tracker.stop() }
    let port = try #require(tracker.endpoints.first).port
    let start = try #require(text.range(of: "```sh\n"))
    let end = try #require(text[start.upperBound...].range(of: "```"))
    let variables = text[start.upperBound..<end.lowerBound].replacingOccurrences(
      of: ":6969", with: ":\(port)")
    for row in rows {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "\(variables)\nunset http_proxy\nexec timeout 20 \(row.line)"]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = try await onThread {
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
      }
      #expect(process.terminationStatus == 0, "\(row.line)\n\(output)")
      #expect(output.contains(row.fragment), "\(row.line)\n\(output)")
      #expect(!output.contains("failure"), "\(row.line)\n\(output)")
    }
  }
}
