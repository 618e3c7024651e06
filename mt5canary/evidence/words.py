"""Every word that the reports say by themselves, in English and in Chinese, in one table.

What a record holds (a reason, a measurement's name, a reply) is shown as it was recorded, in English.
"""

from __future__ import annotations

import re

LANGUAGES = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-Hans"}
"""Each language as HTML names it."""

TABLE: dict[str, tuple[str, str]] = {
    # the run
    "rehearsal": ("REHEARSAL", "演练 REHEARSAL"),
    "rehearsal.note": (
        "This was a rehearsal: the terminal, its market and its account are simulated, and no broker said any of this.",
        "这是一次演练：终端、行情与账户均为模拟，以下内容没有任何一项出自经纪商。",
    ),
    "report.name": ("Canary completion report · task {task}", "金丝雀完成报告 · 任务 {task}"),
    "verdict.PASS": ("everything this run had to prove was proven", "本次运行须证明的各项均已证明"),
    "verdict.FAIL": ("at least one criterion was broken", "至少一项准则不成立"),
    "verdict.UNPROVEN": ("unproven is not passed: evidence is missing", "未证明不等于通过：证据不足"),
    "verdict.decided_by": ("Decided by {criterion}:", "判定依据 {criterion}："),
    "verdict.all_passed": ("All {count} criteria passed.", "全部 {count} 项准则均已通过。"),
    "verdict.nothing_tried": ("No criterion was tried.", "没有任何准则被检验。"),
    "fact.run": ("Run", "运行"),
    "fact.mode": ("Mode", "方式"),
    "fact.target": ("Target", "目标"),
    "fact.time": ("Began, lasted", "开始时间与时长"),
    "fact.position": ("Position", "持仓"),
    "fact.level": ("Evidence for the fill", "成交的证据等级"),
    "fact.no_fill": ("none: no fill is shown", "无：没有成交记录"),
    "mode.live": ("canary run, one order", "金丝雀运行(一笔订单)"),
    "mode.preflight": ("preflight, reads only", "飞行前检查(只读)"),
    "level.E0": ("our own log", "我方自己的记录"),
    "level.E1": ("the gateway's reply", "网关的答复"),
    "level.E2": ("the gateway's history and account, asked separately", "另行查询的网关历史与账户"),
    "level.E3": ("a second witness: another terminal that only reads", "第二见证：另一个只读终端"),
    "duration.s": ("{seconds} s", "{seconds} 秒"),
    "duration.m": ("{minutes} min {seconds} s", "{minutes} 分 {seconds} 秒"),
    "duration.minutes": ("{minutes} min", "{minutes} 分"),
    "duration.hours": ("{hours} h", "{hours} 小时"),
    "duration.h": ("{hours} h {minutes} min", "{hours} 小时 {minutes} 分"),
    # the contents
    "contents": ("Contents", "目录"),
    "contents.missing": ("Not proven", "未证明"),
    "contents.criteria": ("Criteria", "准则"),
    "contents.story": ("Order", "订单"),
    "contents.ledger": ("Ledger", "账目"),
    "contents.latency": ("Latency", "延迟"),
    "contents.drift": ("Drift", "漂移"),
    "contents.events": ("Events", "事件"),
    "contents.exchanges": ("Exchanges", "报文"),
    "contents.plan": ("Plan", "计划"),
    "contents.verify": ("Verify", "验证"),
    # the position
    "position.heading": ("The position", "持仓"),
    "position.to_do": ("What to do now:", "现在要做的事："),
    "position.flat": (
        "Flat: no position of this plan's magic number is left.",
        "已平仓：本计划 magic 编号名下没有剩余持仓。",
    ),
    "position.no_order": (
        "No order was sent in this run, so it left no position.",
        "本次运行没有发出订单，因此没有留下持仓。",
    ),
    "position.refused": (
        "No order was filled in this run: the gateway refused each of the {count} that were sent.",
        "本次运行没有订单成交：发出的 {count} 笔均被网关拒绝。",
    ),
    "position.kept": (
        "A position is open, as the plan wants it (order.hold is keep).",
        "持仓仍在，这正是计划的要求(order.hold 为 keep)。",
    ),
    "position.open": (
        "NOT FLAT: a position of this plan's magic number is open.",
        "未平仓：本计划 magic 编号名下仍有持仓。",
    ),
    "position.unknown": (
        "NOT KNOWN TO BE FLAT: an order left, and nothing shows that its position is closed.",
        "不能确认已平仓：订单已发出，而没有任何证据表明其持仓已关闭。",
    ),
    "position.in_rehearsal": (
        " In a rehearsal nothing real is at risk; against a broker, this would have to be done now.",
        " 演练中没有真实风险；若对接经纪商，以下步骤必须立即执行。",
    ),
    "position.and": (" and ", "、"),
    "position.any_symbol": ("any symbol", "任意品种"),
    "position.marked": ("{symbol} with {marks}", "{symbol}（{marks}）"),
    "position.to_do.1": (
        "Log in to the account from another terminal, or the broker's own, and look for a position of {what}.",
        "用另一个终端或经纪商自己的终端登录该账户，查找 {what} 的持仓。",
    ),
    "position.to_do.2": (
        "If it is there, close it by hand. If it is not, look in the history for the deal that closed it.",
        "若存在，请手动平仓；若不存在，请在历史中找到平掉它的那笔成交。",
    ),
    "position.to_do.3": (
        "Start no other run on this account until this is settled.",
        "此事了结之前，不要在该账户上启动其他运行。",
    ),
    # at a glance
    "glance.heading": ("Every criterion at a glance", "准则一览"),
    "glance.note": (
        "Five stages, in this order; a stage is tried only when every criterion before it passed.",
        "五个阶段依次进行；之前的准则全部通过，才会进入下一阶段。",
    ),
    "stage.link": ("Link", "链路"),
    "stage.decision": ("Decision", "决策"),
    "stage.execution": ("Execution", "执行"),
    "stage.guardrails": ("Guardrails", "护栏"),
    "stage.evidence": ("Evidence", "证据"),
    # key figures
    "figures.heading": ("Key figures", "关键数字"),
    "figure.order": ("The order", "订单"),
    "figure.no_order": ("none filled", "没有成交"),
    "figure.no_order.live": ("No fill is shown by any reply or history.", "没有任何答复或历史显示成交。"),
    "figure.no_order.preflight": ("A preflight only reads.", "飞行前检查只读不交易。"),
    "figure.order.rest": ("at {price}, ticket {ticket}, evidence {level}", "价格 {price}，订单号 {ticket}，证据 {level}"),
    "figure.latency": ("Latency, 99th percentile", "延迟，第 99 百分位"),
    "figure.drift": ("Drift, worst index (PSI)", "漂移，最差指数(PSI)"),
    "figure.not_measured": ("not measured", "未测量"),
    "figure.limit": ("limit {limit}, n = {samples}", "限值 {limit}，样本数 {samples}"),
    "figure.ledger": ("The ledger", "账目"),
    "figure.unexplained": ("{difference} {currency} unexplained", "无法解释 {difference} {currency}"),
    "figure.ledger.rest": ("balance {before} to {after} {currency}", "余额由 {before} 到 {after} {currency}"),
    "figure.evidence": ("The evidence", "证据"),
    "figure.exchanges": ("{count} exchanges", "{count} 次往返"),
    "figure.records": ("in {count} records, each bound to the one before", "存于 {count} 条记录，逐条相扣"),
    # what was not proven
    "missing.heading": ("What was not proven, and why", "哪些没有被证明，为什么"),
    "missing.none": ("Every criterion of this run passed.", "本次运行的每项准则均已通过。"),
    "missing.limits": ("What no such run can prove", "这类运行本身无法证明的事"),
    "missing.findings": ("Remarks of this run ({count})", "本次运行的备注({count} 条)"),
    "limits.rehearsal": (
        "A rehearsal proves the harness and the plan, not a broker.",
        "演练证明的是工具与计划，而不是经纪商。",
    ),
    "limits.liar": (
        "A gateway that lies consistently in every answer, with the right key, passes what can be seen through it "
        "alone; only a second witness on another path would catch it.",
        "若网关持有正确密钥且每个答复都前后一致地撒谎，仅凭它自身看不出来；只有另一路径上的第二见证才能揭穿。",
    ),
    "limits.demo": ("A demo account's fills are simulated by the broker.", "模拟账户的成交由经纪商模拟。"),
    "limits.no_order": (
        "A preflight sends no order: nothing here says that one would be filled.",
        "飞行前检查不发送订单：这里没有任何内容说明订单会成交。",
    ),
    "limits.one_order": (
        "One order is one sample: its own round trip is reported, never as a percentile.",
        "一笔订单只是一个样本：只报告它自己的往返时间，绝不当作百分位数。",
    ),
    "limits.strategy": (
        "A passed canary says nothing about whether the strategy makes money.",
        "金丝雀通过与否，不说明策略是否盈利。",
    ),
    # the criteria
    "criteria.heading": ("The success criteria", "成功准则"),
    "criteria.note": (
        "Each row shows a criterion's first measurement, or the first that did not pass; all of them unfold below it.",
        "每行显示该准则的第一项测量，或第一项未通过的测量；全部测量可在其下展开。",
    ),
    "criteria.nearest": ("; nearest to its limit: {name}, {margin}", "；最接近限值：{name}，{margin}"),
    "criteria.caption": ("Criteria of the stage {stage}", "{stage}阶段的准则"),
    "criteria.none": ("This run has no criterion of this stage.", "本次运行没有该阶段的准则。"),
    "criteria.all": ("measurements: {measurements}, remarks: {findings}", "测量 {measurements} 项，备注 {findings} 条"),
    "criteria.all_of": ("Every measurement of {criterion}", "{criterion} 的全部测量"),
    "column.criterion": ("Criterion", "准则"),
    "column.outcome": ("Outcome", "结果"),
    "column.measured": ("Measured", "测量项"),
    "column.value": ("Value", "数值"),
    "column.limit": ("Limit", "限值"),
    "column.samples": ("Samples", "样本数"),
    "column.margin": ("Margin", "余量"),
    "column.level": ("Evidence", "证据"),
    "margin.exact": ("as required", "符合要求"),
    "margin.left": ("{distance} left", "余 {distance}"),
    "margin.broken": ("{distance} beyond", "超出 {distance}"),
    # the order's story
    "story.heading": ("The order's story", "订单始末"),
    "story.none": ("No order was meant or sent in this run.", "本次运行没有打算发送、也没有发送订单。"),
    "story.note": (
        "Each moment is read from the record named beside it; times are UTC, by this node's clock.",
        "每一刻都读自旁边注明的记录；时间为 UTC，以本节点时钟为准。",
    ),
    "story.after": ("+{seconds} s", "+{seconds} 秒"),
    "story.record": ("record {number}", "记录 {number}"),
    "story.chart": ("Prices along the order's story", "订单始末的价格"),
    "story.chart.text": (
        "{count} moments with prices between {low} and {high}; the numbers below are those of the list, at equal "
        "distances and not to scale in time.",
        "{count} 个带价格的时刻，价格在 {low} 与 {high} 之间；下方数字对应列表编号，等距排列，不按时间比例。",
    ),
    "legend.quote": ("quote, from bid to ask", "报价，买价至卖价"),
    "legend.price": ("price of the order, deal or position", "订单、成交或持仓的价格"),
    "moment.quote before": ("quote before", "下单前报价"),
    "moment.quote after": ("quote after", "成交后报价"),
    "moment.journal: INTENT": ("intent on disk", "意图已落盘"),
    "moment.journal: SENT": ("journal: sent", "日志：已发送"),
    "moment.journal: FILLED": ("journal: filled", "日志：已成交"),
    "moment.journal: REFUSED": ("journal: refused", "日志：被拒绝"),
    "moment.OPEN sent": ("request sent (OPEN)", "发出请求(OPEN)"),
    "moment.OPEN answered": ("answer (OPEN)", "收到答复(OPEN)"),
    "moment.CLOSE sent": ("close sent (CLOSE)", "发出平仓(CLOSE)"),
    "moment.CLOSE answered": ("close answered (CLOSE)", "平仓答复(CLOSE)"),
    "moment.CLOSE_ALL sent": ("close sent (CLOSE_ALL)", "发出平仓(CLOSE_ALL)"),
    "moment.CLOSE_ALL answered": ("close answered (CLOSE_ALL)", "平仓答复(CLOSE_ALL)"),
    "moment.HALT": ("gateway halted (drill)", "网关停止(演习)"),
    "moment.RESUME": ("gateway resumed", "网关恢复"),
    "moment.history: deal in": ("history: opening deal", "历史：开仓成交"),
    "moment.history: deal out": ("history: closing deal", "历史：平仓成交"),
    "moment.position list: open": ("position list: open", "持仓列表：存在"),
    "moment.position list: gone": ("position list: gone", "持仓列表：已消失"),
    # the ledger
    "ledger.heading": ("The account's ledger", "账户账目"),
    "ledger.none": ("The account was not read twice, so no ledger can be drawn up.", "账户没有被读取两次，无法列出账目。"),
    "ledger.read": (
        "From the account replies in records {before} and {after}; amounts in {currency}.",
        "取自记录 {before} 与 {after} 中的账户答复；金额单位为 {currency}。",
    ),
    "ledger.line": ("Line", "项目"),
    "ledger.before": ("Before", "之前"),
    "ledger.after": ("After", "之后"),
    "ledger.change": ("Change", "变动"),
    "account.balance": ("Balance", "余额"),
    "account.credit": ("Credit", "信用额"),
    "account.profit": ("Floating profit", "浮动盈亏"),
    "account.equity": ("Equity", "净值"),
    "account.margin": ("Margin", "已用保证金"),
    "account.free_margin": ("Free margin", "可用保证金"),
    "ledger.deals": ("The deals in between", "期间的成交"),
    "ledger.no_deals": ("No deal appeared in the history in between.", "期间历史中没有出现成交。"),
    "ledger.deal": ("Deal", "成交号"),
    "ledger.what": ("What", "内容"),
    "ledger.price": ("Price", "价格"),
    "ledger.profit": ("Profit", "盈亏"),
    "ledger.commission": ("Commission", "佣金"),
    "ledger.swap": ("Swap", "隔夜利息"),
    "ledger.fee": ("Fee", "费用"),
    "ledger.sum": ("Sum", "合计"),
    "ledger.equation": (
        "The balance moved by {moved} {currency}; the deals explain {explained}; unexplained: {difference}.",
        "余额变动 {moved} {currency}；成交可解释 {explained}；无法解释：{difference}。",
    ),
    "ledger.incomplete": ("A reply without a balance leaves this open.", "答复中没有余额，无法得出结论。"),
    # latency
    "latency.heading": ("Latency", "延迟"),
    "latency.none": ("No round trip was measured.", "没有测量到任何往返。"),
    "latency.paced": (
        "Paced probes of the watch, each from when it was due, so that a stall counts for every probe it delayed.",
        "监护期间按节拍发出的探测，从应发时刻算起，因此一次停顿会计入它所延误的每个探测。",
    ),
    "latency.unpaced": (
        "Every PING of the run, from when it was sent; this run holds no paced probes.",
        "本次运行的全部 PING，从发出时刻算起；本次运行没有按节拍的探测。",
    ),
    "latency.claim": (
        "99th percentile {p99} ms from {samples} round trips, {lost} of them without a reply. ",
        "第 99 百分位为 {p99} 毫秒，共 {samples} 次往返，其中 {lost} 次没有答复。",
    ),
    "latency.claim.limit": (
        "{above} were at or over the limit of {limit} ms: at {confidence} confidence, at most {share} of all would be. ",
        "达到或超过限值 {limit} 毫秒的有 {above} 次：以 {confidence} 置信度，总体中至多占 {share}。",
    ),
    "latency.claim.bound": (
        "The 99th percentile itself lies at or below {bound} ms at {confidence} confidence.",
        "以 {confidence} 置信度，第 99 百分位本身不高于 {bound} 毫秒。",
    ),
    "latency.claim.no_bound": (
        "So few samples give no upper bound of the 99th percentile at {confidence} confidence.",
        "样本太少，以 {confidence} 置信度给不出第 99 百分位的上界。",
    ),
    "latency.time": ("Over time", "随时间变化"),
    "latency.time.text": (
        "Median, 99th percentile and largest of each {interval} over {count} intervals, on a logarithmic scale. The "
        "worst 99th percentile is {p99} ms, the largest round trip {largest} ms.",
        "每 {interval} 的中位数、第 99 百分位与最大值，共 {count} 段，对数刻度。最差的第 99 百分位为 {p99} 毫秒，最大往返为 {largest} 毫秒。",
    ),
    "latency.limit": ("limit {limit} ms", "限值 {limit} 毫秒"),
    "latency.limit.short": ("limit", "限值"),
    "latency.bound": ("p99 bound ({confidence})", "p99 上界({confidence})"),
    "latency.distribution": ("Distribution", "分布"),
    "latency.distribution.text": (
        "{samples} round trips from {least} to {largest} ms, median {median} ms, 99th percentile {p99} ms; milliseconds "
        "from left to right and counts upwards, both logarithmic.",
        "{samples} 次往返，从 {least} 到 {largest} 毫秒，中位数 {median} 毫秒，第 99 百分位 {p99} 毫秒；横轴为毫秒，纵轴为次数，均为对数刻度。",
    ),
    "latency.table": ("The figures over time as a table", "随时间变化的数字(表格)"),
    "latency.column.from": ("From", "起始"),
    "latency.column.samples": ("Samples", "样本数"),
    "latency.column.median": ("Median ms", "中位数(毫秒)"),
    "latency.column.p99": ("Worst p99 ms", "最差 p99(毫秒)"),
    "latency.column.largest": ("Largest ms", "最大(毫秒)"),
    "legend.median": ("median", "中位数"),
    "legend.p99": ("99th percentile", "第 99 百分位"),
    "legend.largest": ("largest", "最大值"),
    "percentile.least": ("Least", "最小"),
    "percentile.p50": ("Median", "中位数"),
    "percentile.p90": ("p90", "p90"),
    "percentile.p99": ("p99", "p99"),
    "percentile.p99.9": ("p99.9", "p99.9"),
    "percentile.largest": ("Largest", "最大"),
    "percentile.samples": ("Samples", "样本数"),
    "percentile.lost": ("Without a reply", "没有答复"),
    "percentile.above": ("At or over the limit", "达到或超过限值"),
    # drift
    "drift.heading": ("Drift", "漂移"),
    "drift.none": ("No drift check was recorded in this run.", "本次运行没有记录漂移检查。"),
    "drift.note": (
        "The population stability index compares the market's features with the baseline; it is an event only where it "
        "passes the limit and what chance alone reaches.",
        "群体稳定性指数将行情特征与基线相比；只有同时超过限值与纯属偶然可达到的值时，才算一次事件。",
    ),
    "drift.chart": ("Stability index of {feature} by time", "{feature} 的稳定性指数随时间变化"),
    "drift.text": (
        "{checks} checks, worst index {worst}, limit {limit}.",
        "{checks} 次检查，最差指数 {worst}，限值 {limit}。",
    ),
    "drift.table": ("Every check as a table", "全部检查(表格)"),
    "drift.column.after": ("After", "时刻"),
    "drift.column.rows": ("Rows", "行数"),
    "drift.column.problem": ("Problem", "问题"),
    "legend.psi": ("index (PSI)", "指数(PSI)"),
    "legend.chance": ("what chance alone reaches", "纯属偶然可达到的值"),
    # events
    "events.heading": ("Breaker, guards, reconciler", "熔断、护栏与对账事件"),
    "events.none": ("No event was recorded.", "没有记录任何事件。"),
    "events.time": ("Time (UTC)", "时间(UTC)"),
    "events.event": ("Event", "事件"),
    "events.details": ("Details", "详情"),
    "events.more": ("{count} more in evidence.jsonl.", "另有 {count} 条见 evidence.jsonl。"),
    # exchanges
    "exchanges.heading": ("Exchanges, as they were on the wire", "线路上的原始报文"),
    "exchanges.none": ("No exchange was made.", "没有任何往返。"),
    "exchanges.note": (
        "{shown} of {total} exchanges are shown: the first and the last of each kind, the failed ones, and those of the "
        "order. All of them are in evidence.jsonl, {batched} of them in batches by time and digest.",
        "共 {total} 次往返，此处显示 {shown} 次：每类的最初与最后几次、失败的、以及与订单有关的。全部都在 evidence.jsonl 中，"
        "其中 {batched} 次以时间与摘要成批保存。",
    ),
    "exchanges.search": ("Search", "搜索"),
    "exchanges.action": ("Action", "动作"),
    "exchanges.any": ("any", "全部"),
    "exchanges.failed": ("failed or refused only", "仅失败或被拒绝"),
    "exchanges.found": ("{shown} of {total}", "{shown} / {total}"),
    "exchanges.request": ("Request", "请求"),
    "exchanges.reply": ("Reply", "答复"),
    "exchanges.no_reply": ("no reply", "没有答复"),
    "exchanges.cut": ("… {count} more lines in evidence.jsonl", "…… 其余 {count} 行见 evidence.jsonl"),
    # the plan and the environment
    "plan.heading": ("The plan in effect", "生效的计划"),
    "plan.none": ("The plan's values were not recorded.", "计划的取值没有被记录。"),
    "plan.all": ("{count} values, each with where it came from", "{count} 个取值及其来源"),
    "plan.field": ("Field", "字段"),
    "plan.value": ("Value", "取值"),
    "plan.source": ("Source", "来源"),
    "kill.heading": ("Appendix: what these criteria have been seen to catch", "附录：这些准则实际抓住过什么"),
    "kill.none": ("No kill matrix was recorded.", "没有记录捕获矩阵。"),
    "kill.summary": (
        "{liars} lying gateways were run against these criteria: {passed} passed. {fine} of {odd} honest but unusual "
        "ones passed; {insufficient} more are honest and insufficient, and came to what they must.",
        "用 {liars} 个撒谎的网关试过这些准则，其中 {passed} 个通过。{odd} 个诚实但少见的网关中有 {fine} 个通过；"
        "另有 {insufficient} 个诚实但能力不足，结果与应有的一致。",
    ),
    "kill.legend": (
        "Letters: . passed, F failed, u unproven, - not tried because an earlier criterion had not passed.",
        "字母：. 通过，F 失败，u 未证明，- 因前面的准则未通过而未尝试。",
    ),
    "kill.by_criterion": ("Who is caught by what", "谁被什么抓住"),
    "kill.criterion": ("Criterion", "准则"),
    "kill.caught": ("Lying gateways that it caught", "它抓住的撒谎网关"),
    "kill.all": ("All {count} gateways against every criterion", "全部 {count} 个网关对照每项准则"),
    "kill.gateway": ("Gateway", "网关"),
    "kill.what": ("What it does", "它做什么"),
    "kill.verdict": ("Came to", "结果"),
    "kill.expected": ("Must not pass", "不得通过"),
    "kill.outcomes": ("Every criterion", "每项准则"),
    "environment.heading": ("Environment", "环境"),
    "environment.none": ("It was not recorded.", "没有记录。"),
    # verification
    "verify.heading": ("How to verify this", "如何验证"),
    "verify.ours": (
        "Nothing here needs to be believed. From any machine, without a network, this recomputes the verdict from the "
        "raw records, renders this page again and compares the two:",
        "这里的一切都不必轻信。在任何机器上、无需网络，以下命令从原始记录重新计算结论，重新生成本页并加以比较：",
    ),
    "verify.by_hand": (
        "With standard tools, in this run's folder: every file against the manifest, and what the gateway answered:",
        "用标准工具，在本次运行的文件夹中：逐个文件与清单比对，并查看网关的原始答复：",
    ),
    "verify.signed": ("The bundle is signed by the key {key}.", "本证据包由密钥 {key} 签名。"),
    "verify.unsigned": (
        "The bundle is not signed: its chain shows that nothing was changed since it was made, not by whom.",
        "本证据包未签名：其链条能表明生成之后未被改动，但不能表明由谁生成。",
    ),
    "verify.challenge": ("The verifier's challenge was: {text}", "验证者给出的挑战文本：{text}"),
    "verify.files": ("The rest of the evidence", "其余证据"),
    "file.COMPLETION_REPORT.md": ("the completion report", "完成报告"),
    "file.EXECUTION_PLAN.md": ("the plan as it was before the run", "运行之前的计划"),
    "file.verdict.json": ("the verdict for programs", "供程序读取的结论"),
    "file.VERIFY_LOG.log": ("the verification log", "验证日志"),
    "file.LIVE_EXECUTION_LOG.log": ("the execution log", "执行日志"),
    "file.PHYSICAL_EVIDENCE.log": ("the evidence log", "证据日志"),
    "file.evidence.jsonl": ("every record of the run, with the raw frames", "本次运行的全部记录及原始报文"),
    "file.manifest.json": ("every file's SHA-256", "每个文件的 SHA-256"),
    "file.attestation.json": ("the signed statement about all of it", "对以上全部内容的签名声明"),
    # pytest's own table
    "tests.heading": ("The tests, as pytest ran them", "pytest 的逐项执行记录"),
    "tests.filter": ("show {result}", "显示 {result}"),
    "tests.verdict": ("Verdict", "结论"),
    "tests.criterion": ("Criterion", "准则"),
}  # fmt: skip
"""Each key with its words in each of LANGUAGES; ``{names}`` are filled in."""

TITLES = {
    "L1": "网关地址是远程地址",
    "L2": "连接与握手已完成，两端身份明确",
    "L3": "网关答复的是本客户端",
    "L4": "网关、终端与账户均为预期，行情在变动",
    "L5": "时钟偏差已知且在限值内",
    "L6": "首个延迟数字在限值内且合理",
    "D1": "决策记录存在且可解析",
    "D2": "其哈希重新计算后与计划一致",
    "D3": "决策为 GO",
    "D4": "置信度、时效与限值符合计划",
    "D5": "其自身数字已被审视",
    "X1": "品种可交易，时段开放",
    "X2": "手数与计划一致，且对该品种合法",
    "X3": "保证金、杠杆与最大亏损在计划限值内",
    "X4": "终端在检查中接受此订单，并拒绝不可能的订单",
    "X5": "熔断器闭合，未停止，无遗留持仓",
    "X6": "拒绝是真实的",
    "X7": "订单只发送一次并已成交",
    "X8": "经纪商历史中有本次运行的成交",
    "X9": "成交价在前后报价之间",
    "X10": "该订单恰有一个新持仓与一笔开仓成交",
    "X11": "保证金、净值与余额按合约变动",
    "G1": "守护进程全程正常",
    "G2": "P99 延迟以计划的置信度低于硬限值",
    "G3": "漂移检查按时进行，数据充分，在限值内",
    "G4": "每道护栏遇种子输入均触发，实际无一触发",
    "G5": "持仓、账户、网关与权限无不明变化",
    "G6": "监护覆盖了全部时间",
    "E1": "持仓已平，或按计划保留",
    "E2": "账户账目精确到分",
    "E3": "全部往返、订单与成交均在证据中且有序",
    "E4": "所有时间彼此一致",
    "E5": "证据链至封印处完整，文档与之相符",
}
"""The criteria's titles in Chinese; in English they are the catalogue's."""


class Words:
    """The table in one language."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no words in {language!r}; there are {', '.join(LANGUAGES)}")
        self.language = language
        self.tag = TAGS[language]
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The words of a key; only the names in braces are filled in, so a value may hold braces itself."""
        text = TABLE[key][self._column]
        return _NAME.sub(lambda found: str(values[found[1]]), text) if values else text

    def title(self, criterion: str, recorded: str) -> str:
        """A criterion's title; as it was recorded where this language has none of its own."""
        return recorded if self.language == "en" else TITLES.get(criterion, recorded)

    def moment(self, kind: str) -> str:
        """The name of a moment of the order's story; as it was recorded where the table has none."""
        entry = TABLE.get(f"moment.{kind}")
        return kind if entry is None else entry[self._column]

    def lasted(self, seconds: float) -> str:
        """A length of time, to two units."""
        whole = round(seconds)
        hours, minutes = whole // 3600, whole // 60 % 60
        if hours:
            return self("duration.h" if minutes else "duration.hours", hours=hours, minutes=minutes)
        if minutes:
            return self("duration.m" if whole % 60 else "duration.minutes", minutes=minutes, seconds=whole % 60)
        return self("duration.s", seconds=whole)


_NAME = re.compile(r"\{(\w+)\}")

ENGLISH = Words("en")
