internal import Glibc
import HTTPServer
import JSON
internal import Synchronization

/// Who may see a page.
public enum Audience: String, Sendable, CaseIterable {
  /// Everyone who can reach the tracker.
  case everyone
  /// Who sends the administrator's token.
  case admin
  /// Nobody.
  case nobody
}

extension TrackerService {
  /// The answer to a request for a page about the tracker, or for an administrator's deed; `nil` if it is none of
  /// these.
  func statusAnswer(_ request: HTTPRequest) -> HTTPResponse? {
    let settings = core.configuration.pages
    switch request.path {
    case "/health": return health(request)
    case "/metrics":
      return guarded(settings.metrics, request) {
        Self.page(
          core.status.pages.page("metrics", now: core.clock()) { TrackerMetrics.text(core) },
          Exposition.contentType)
      }
    case "/", "/status":
      return guarded(settings.status, request) {
        Self.page(
          core.status.pages.page("status", now: core.clock()) { statusPage() }, "text/html; charset=utf-8")
      }
    case "/status.css": return Self.page(StatusFiles.style, "text/css; charset=utf-8", maximumAge: 3600)
    case "/status.js":
      return Self.page(StatusFiles.script, "text/javascript; charset=utf-8", maximumAge: 3600)
    case "/api/admin/reload": return reload(request)
    default: return nil
    }
  }

  // MARK: Pages

  private func statusPage() -> String {
    let (counters, status) = (core.counters, core.status)
    let present = status.present(core, time: Int64(time(nil)))
    let page = StatusPage(
      present: present, minutes: status.history.minutes + [present], totals: counters.totals,
      refusals: counters.refusals,
      torrents: core.configuration.pages.listsTorrents ? status.largest : nil, clients: status.clients.names,
      memory: ProcessFigures.memory.resident, uptime: Int(core.clock() &- core.startedAt),
      interval: core.configuration.interval)
    return page.html
  }

  /// Good as long as the loop that looks after the table turns.
  private func health(_ request: HTTPRequest) -> HTTPResponse {
    let isWell = core.isTurning
    let fault = core.status.snapshotFault.withLock(\.self)
    let status = isWell ? fault == nil ? "ok" : "degraded" : "stalled"
    let body: JSONValue = [
      "status": .string(status), "version": .string(TrackerStatus.version),
      "uptime": JSONValue(core.clock() &- core.startedAt), "snapshot": fault.map { .string($0) } ?? .null,
    ]
    return Self.json(body, status: isWell ? 200 : 503)
  }

  // MARK: Deeds

  private func reload(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST" else { return Self.json(["error": "POST reloads"], status: 405) }
    return guarded(.admin, request) {
      guard let work = core.reloading.withLock(\.self) else {
        return Self.json(["error": "there is nothing to reload"], status: 501)
      }
      do throws(TrackerError) {
        return Self.json(try work())
      } catch {
        return Self.json(["error": .string(error.description)], status: 422)
      }
    }
  }

  private func guarded(
    _ audience: Audience, _ request: HTTPRequest, _ answer: () -> HTTPResponse
  ) -> HTTPResponse {
    switch audience {
    case .everyone: return answer()
    case .admin:
      if AdminToken.isIn(request, core.configuration.adminToken) { return answer() }
      var refusal = Self.json(
        ["error": "send the administrator's token: Authorization: Bearer TOKEN"], status: 401)
      refusal.headers.append((name: "WWW-Authenticate", value: "Bearer"))
      return refusal
    case .nobody: return Self.json(["error": "there is no such page here"], status: 404)
    }
  }

  // MARK: Forms

  static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
    var answer = page(value.text + "\n", "application/json")
    answer.status = status
    return answer
  }

  private static func page(_ text: String, _ type: String, maximumAge: Int? = nil) -> HTTPResponse {
    HTTPResponse(
      contentType: type,
      headers: [
        (name: "Content-Security-Policy", value: StatusPage.policy),
        (name: "X-Content-Type-Options", value: "nosniff"),
        (name: "Referrer-Policy", value: "no-referrer"),
        (name: "Cache-Control", value: maximumAge.map { "max-age=\($0)" } ?? "no-store"),
      ], body: Array(text.utf8))
  }
}
