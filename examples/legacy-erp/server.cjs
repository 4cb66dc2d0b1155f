// 金蜂 ERP 对接服务 V2.3
// ---------------------------------------------------------------
// A small ERP of somebody else: it knows nothing of Mortise, only the guide's four interfaces. Its tables, its words, its clock and its
// habits are its own:
//   * all dates are wall-clock text of its own zone (UTC+5:30), to the second
//   * a page never holds more than 40 rows, whatever is asked for, newest number first; totalNum is a text for people
//   * the start of a time range is exclusive, the end inclusive, both cut to whole seconds
//   * what a user saves is stamped when he presses the button, and visible when the transaction commits, a moment later
//   * now and then it is busy, and says so with an HTML page
//
//   node server.cjs --port 8080 --db erp.db --user mortise --password secret
"use strict";

const http = require("node:http");
const { DatabaseSync } = require("node:sqlite");

function arg(strName, strDefault) {
    const n = process.argv.indexOf("--" + strName);
    return n > 0 ? process.argv[n + 1] : strDefault;
}

const PAGE_MAX = 40;
const ZONE_OFFSET = 5.5 * 3600 * 1000;
const COMMIT_DELAY = Number(arg("commit-delay", "1200"));
const BUSY_EVERY = Number(arg("busy-every", "9"));
const AUTH = "Basic " + Buffer.from(arg("user", "mortise") + ":" + arg("password", "secret")).toString("base64");

const db = new DatabaseSync(arg("db", ":memory:"));
db.exec(`
CREATE TABLE IF NOT EXISTS T_BD_CUSTOMER (
    FCUSTID INTEGER PRIMARY KEY AUTOINCREMENT,
    FNUMBER TEXT NOT NULL UNIQUE,
    FNAME TEXT NOT NULL,
    FCREDIT TEXT,
    FCRMID TEXT,
    FMODIFYDATE TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS T_BD_CUSTCONTACT (
    FENTRYID INTEGER PRIMARY KEY AUTOINCREMENT,
    FCUSTID INTEGER NOT NULL,
    FSEQ INTEGER NOT NULL,
    FNAME TEXT,
    FPHONE TEXT
);
CREATE INDEX IF NOT EXISTS IDX_CUST_MODIFY ON T_BD_CUSTOMER (FMODIFYDATE);`);

// 本地时间 yyyy-MM-dd HH:mm:ss
function localText(nMs) {
    return new Date(Math.floor(nMs / 1000) * 1000 + ZONE_OFFSET).toISOString().slice(0, 19).replace("T", " ");
}

class CustomerDao {
    toGuide(row) {
        const contacts = db
            .prepare("SELECT * FROM T_BD_CUSTCONTACT WHERE FCUSTID = ? ORDER BY FSEQ")
            .all(row.FCUSTID)
            .map(function (c) {
                return { FENTRYID: String(c.FENTRYID), FNAME: c.FNAME, FPHONE: c.FPHONE };
            });
        return {
            masterFieldVal: {
                FCUSTID: String(row.FCUSTID),
                FNUMBER: row.FNUMBER,
                FNAME: row.FNAME,
                FCREDIT: row.FCREDIT,
                FCRMID: row.FCRMID === null ? "" : row.FCRMID,
                FMODIFYDATE: row.FMODIFYDATE,
            },
            detailFieldVals: { FCONTACTS: contacts },
        };
    }

    list(nStart, nEnd, nOffset, nLimit) {
        const from = localText(nStart), to = localText(nEnd);
        const total = db
            .prepare("SELECT COUNT(*) AS C FROM T_BD_CUSTOMER WHERE FMODIFYDATE > ? AND FMODIFYDATE <= ?")
            .get(from, to).C;
        const rows = db
            .prepare(
                "SELECT * FROM T_BD_CUSTOMER WHERE FMODIFYDATE > ? AND FMODIFYDATE <= ? ORDER BY FNUMBER DESC LIMIT ? OFFSET ?"
            )
            .all(from, to, Math.min(nLimit, PAGE_MAX), nOffset);
        return { totalNum: "共 " + total + " 条", dataList: rows.map(this.toGuide) };
    }

    byId(strId) {
        const row = db.prepare("SELECT * FROM T_BD_CUSTOMER WHERE FCUSTID = ?").get(Number(strId));
        return row === undefined ? null : this.toGuide(row);
    }

    // 保存: 没有 FCUSTID 就新增
    save(master, contacts, strStamp) {
        db.exec("BEGIN");
        try {
            let id = master.FCUSTID ? Number(master.FCUSTID) : null;
            if (id === null) {
                const done = db
                    .prepare("INSERT INTO T_BD_CUSTOMER (FNUMBER, FNAME, FCREDIT, FCRMID, FMODIFYDATE) VALUES (?, ?, ?, ?, ?)")
                    .run(master.FNUMBER, master.FNAME, master.FCREDIT ?? null, master.FCRMID ?? null, strStamp);
                id = Number(done.lastInsertRowid);
            } else {
                const old = db.prepare("SELECT * FROM T_BD_CUSTOMER WHERE FCUSTID = ?").get(id);
                if (old === undefined) throw new Error("客户不存在: " + id);
                const next = Object.assign({}, old, master);
                db.prepare("UPDATE T_BD_CUSTOMER SET FNUMBER = ?, FNAME = ?, FCREDIT = ?, FCRMID = ?, FMODIFYDATE = ? WHERE FCUSTID = ?").run(
                    next.FNUMBER, next.FNAME, next.FCREDIT ?? null, next.FCRMID ?? null, strStamp, id
                );
            }
            const ids = [];
            if (Array.isArray(contacts)) {
                db.prepare("DELETE FROM T_BD_CUSTCONTACT WHERE FCUSTID = ?").run(id);
                contacts.forEach(function (c, i) {
                    const done = db
                        .prepare("INSERT INTO T_BD_CUSTCONTACT (FCUSTID, FSEQ, FNAME, FPHONE) VALUES (?, ?, ?, ?)")
                        .run(id, i + 1, c.FNAME ?? null, c.FPHONE ?? null);
                    ids.push(String(done.lastInsertRowid));
                });
            }
            db.exec("COMMIT");
            return { id: String(id), ids: ids };
        } catch (e) {
            db.exec("ROLLBACK");
            throw e;
        }
    }
}

const dao = new CustomerDao();

function reply(res, strCode, strText, payload) {
    const body = JSON.stringify({ status: { code: strCode, text: strText }, payload: payload === undefined ? null : payload });
    res.writeHead(200, { "Content-Type": "application/json; charset=utf-8" });
    res.end(body);
}

let nCalls = 0;

// 对接指引的四个接口
function guide(req, res, url, strBody) {
    if (req.headers.authorization !== AUTH) return reply(res, "E401", "用户名或密码错误");
    if (BUSY_EVERY > 0 && ++nCalls % BUSY_EVERY === 0) {
        res.writeHead(503, { "Content-Type": "text/html" });
        return res.end("<html><body><h1>系统繁忙，请稍后再试</h1></body></html>");
    }
    const q = url.searchParams;
    const strMethod = url.pathname.split("/").pop();
    if (strMethod === "queryMasterBatch" || strMethod === "queryMasterById") {
        if (q.get("objAPIName") !== "BD_Customer") return reply(res, "E400", "未知对象 " + q.get("objAPIName"));
        if (strMethod === "queryMasterById") {
            const found = dao.byId(q.get("dataId"));
            return found === null ? reply(res, "E404", "客户不存在") : reply(res, "OK", "", found);
        }
        return reply(res, "OK", "", dao.list(+q.get("startTime"), +q.get("endTime"), +q.get("offset"), +q.get("limit")));
    }
    if (strMethod === "create" || strMethod === "update") {
        const o = JSON.parse(strBody);
        if (strMethod === "update" && !o.masterFieldVal.FCUSTID) return reply(res, "E400", "缺少 FCUSTID");
        try {
            const contacts = o.detailFieldVals ? o.detailFieldVals.FCONTACTS : undefined;
            const done = dao.save(o.masterFieldVal, contacts, localText(Date.now()));
            return reply(res, "OK", "", { masterDataId: done.id, detailDataIds: { FCONTACTS: done.ids } });
        } catch (e) {
            return reply(res, "E500", e.message);
        }
    }
    res.writeHead(404);
    res.end();
}

// 用户在界面上的操作
function screen(req, res, url, strBody) {
    const o = strBody ? JSON.parse(strBody) : {};
    switch (url.pathname) {
        case "/ui/customer/save": {
            const stamp = localText(Date.now());
            setTimeout(function () {
                try {
                    reply(res, "OK", "", dao.save(o.master, o.contacts, stamp));
                } catch (e) {
                    reply(res, "E500", e.message);
                }
            }, COMMIT_DELAY);
            return;
        }
        case "/ui/customer/import": {
            // 批量导入: 同一时间戳, 可以保留原日期
            const stamp = o.date || localText(Date.now());
            return reply(res, "OK", "", o.rows.map(function (r) { return dao.save(r, [], stamp).id; }));
        }
        case "/ui/customer/delete":
            db.prepare("DELETE FROM T_BD_CUSTOMER WHERE FCUSTID = ?").run(Number(o.id));
            return reply(res, "OK", "");
        case "/ui/customer/list":
            return reply(res, "OK", "", db.prepare("SELECT * FROM T_BD_CUSTOMER ORDER BY FCUSTID").all());
    }
    res.writeHead(404);
    res.end();
}

const server = http.createServer(function (req, res) {
    let strBody = "";
    req.setEncoding("utf8");
    req.on("data", function (s) { strBody += s; });
    req.on("end", function () {
        const url = new URL(req.url, "http://erp");
        if (url.pathname.startsWith("/k3/openapi/")) guide(req, res, url, strBody);
        else screen(req, res, url, strBody);
    });
});
server.listen(Number(arg("port", "8080")), "127.0.0.1", function () {
    console.log("listening on " + server.address().port);
});
