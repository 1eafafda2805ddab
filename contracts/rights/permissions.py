"""Everything that can be permitted, by the name that routes, calls and commands declare."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.dispatch.codes import CONTACT_PURPOSES
from contracts.labels import Code


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that somebody may do; `needs_purpose`: only for a purpose that the role has for it."""

    code: str
    zh: str
    en: str
    needs_purpose: bool = False


PURPOSES: dict[str, Code] = {
    **CONTACT_PURPOSES,
    "supervision": Code("supervision", "督办检查", "Supervision"),
    "audit": Code("audit", "审计", "Audit"),
}
"""What a request may be for, as its header `Wangge-Purpose` states it."""

VOUCHED = "call.any"
"""Anybody whom the gateway vouches for: each command of the call then has a permission of its own."""

_ROWS = (
    Permission(VOUCHED, "发起调用", "Make a call at all"),
    Permission("call.joined", "合并转呈", "Carry the commands of several callers in one call"),
    Permission("denial.record", "登记拒绝记录", "Tell of requests that were denied"),
    Permission("audit.read", "查阅拒绝记录", "Read which requests were denied"),
    # Incidents. What an incident shows is in parts, so that a role is told no more than its work needs.
    Permission("incident.create", "接警登记", "Take an incident in"),
    Permission("incident.read", "查看事件", "See incidents: states, times, clocks, desks"),
    Permission("incident.read_place", "查看事发地点", "See the address and the point"),
    Permission("incident.read_text", "查看事件描述", "See what is told in words"),
    Permission("incident.read_caller", "查看报警人脱敏信息", "See the caller's masked number"),
    Permission("incident.read_work", "查看处置过程", "See assignments, clocks and the timeline"),
    Permission("incident.read_contact", "查看报警人联系方式", "Read the caller's contact", needs_purpose=True),
    Permission("incident.recommend", "推荐处置力量", "See whom dispatch would send"),
    Permission("incident.compare", "查找疑似重复", "See what looks like the same incident"),
    Permission("incident.push", "推送", "Push to a centre"),
    Permission("incident.acknowledge", "签收", "Acknowledge"),
    Permission("incident.assign", "下派", "Assign a team"),
    Permission("incident.escalate", "升级", "Escalate"),
    Permission("incident.resolve", "处置完成", "Resolve"),
    Permission("incident.feedback", "反馈", "Feed back"),
    Permission("incident.close", "办结", "Close"),
    Permission("incident.archive", "归档", "Archive"),
    Permission("incident.cancel", "取消", "Cancel"),
    Permission("incident.reopen", "重新打开", "Reopen"),
    Permission("incident.merge", "并案", "Merge"),
    Permission("incident.unmerge", "撤销并案", "Undo a merge"),
    Permission("incident.hand_over", "移交", "Hand over"),
    Permission("incident.correct", "更正时间", "Correct a stamp"),
    Permission("incident.note", "备注", "Add a note"),
    Permission("assignment.accept", "接令", "Accept an assignment"),
    Permission("assignment.refuse", "拒绝", "Refuse an assignment"),
    Permission("assignment.depart", "出发", "Report the departure"),
    Permission("assignment.arrive", "到场", "Report the arrival"),
    Permission("assignment.clear", "撤离", "Report that the team is free"),
    Permission("assignment.withdraw", "撤回", "Take an assignment back"),
    # Teams, desks, figures, the ground.
    Permission("team.read", "查看联动组", "See teams"),
    Permission("team.read_members", "查看组员", "See who is in a team"),
    Permission("team.create", "新建联动组", "Set up a team"),
    Permission("team.change", "修改联动组", "Change a team"),
    Permission("team.move", "上报位置", "Tell where a team is"),
    Permission("team.shifts", "排班", "Set a team's shifts"),
    Permission("centre.read", "查看中心", "See centres"),
    Permission("board.read", "查看实时看板", "See the live board"),
    Permission("sla.read", "查看时效数据", "See figures, breaches and policies"),
    Permission("grid.read", "查看网格", "See the grid tree"),
    Permission("grid.locate", "坐标定位", "Find who answers for a point"),
    Permission("post.read", "查看岗位", "See posts and their holders"),
    # Long-lived.
    Permission("feed.write", "批量指令流", "Send commands as a stream"),
    Permission("stream.read", "实时事件流", "Read the live events"),
)

PERMISSIONS: dict[str, Permission] = {each.code: each for each in _ROWS}
